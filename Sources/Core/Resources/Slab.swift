/// Values in numbered places that are used again: a reference is a small integer, not a pointer, and a million values are one array.
/// Public, though used inside the package alone: only then is it specialised in other modules.
public struct Slab<Element: Sendable>: Sendable {
  @usableFromInline var places: [Element?] = []
  @usableFromInline var free: [Int] = []

  @inlinable
  public init() {}

  @inlinable
  public var count: Int { places.count - free.count }

  /// One more than the highest place ever taken.
  @inlinable
  public var capacity: Int { places.count }

  @inlinable
  public func isTaken(_ place: Int) -> Bool { places.indices.contains(place) && places[place] != nil }

  @inlinable
  public mutating func insert(_ element: Element) -> Int {
    if let place = free.popLast() {
      places[place] = element
      return place
    }
    places.append(element)
    return places.count - 1
  }

  @inlinable
  public mutating func remove(_ place: Int) {
    guard isTaken(place) else { return }
    places[place] = nil
    free.append(place)
  }

  /// The value in a place that is known to be taken; an empty place is a bug of the caller, and traps. In place: neither way copies the value.
  @inlinable
  public subscript(_ place: Int) -> Element {
    // Traps by contract; a copy out and back would cost what yielding saves.
    // swift-format-ignore: NeverForceUnwrap
    _read { yield places[place]! }
    // swift-format-ignore: NeverForceUnwrap
    _modify { yield &places[place]! }
  }

  public var indices: [Int] { places.indices.filter { places[$0] != nil } }

  public func forEach(_ body: (Int, Element) -> Void) {
    for place in places.indices {
      if let element = places[place] { body(place, element) }
    }
  }
}
