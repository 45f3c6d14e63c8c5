/// Values in numbered places that are used again: a reference is a small integer, not a pointer, and a million values are one array.
/// Public, though used inside the package alone: only then is it specialised in other modules.
public struct Slab<Element: Sendable>: Sendable {
  @usableFromInline var places: [Element?] = []
  @usableFromInline var free: [Int] = []

  /// No values.
  @inlinable
  public init() {}

  /// How many places are taken.
  @inlinable
  public var count: Int { places.count - free.count }

  /// One more than the highest place ever taken.
  @inlinable
  public var capacity: Int { places.count }

  /// Whether a place has a value.
  @inlinable
  public func isTaken(_ place: Int) -> Bool { places.indices.contains(place) && places[place] != nil }

  /// Puts a value into a free place and answers which. O(1) amortised.
  @inlinable
  public mutating func insert(_ element: Element) -> Int {
    if let place = free.popLast() {
      places[place] = element
      return place
    }
    places.append(element)
    return places.count - 1
  }

  /// Frees a place; a free one stays free.
  @inlinable
  public mutating func remove(_ place: Int) {
    guard isTaken(place) else { return }
    places[place] = nil
    free.append(place)
  }

  /// The highest taken place, for taking a slab apart: the empty ones above it go, and with them the free list and the meaning of `count`. O(1) amortised.
  public var lastTaken: Int? {
    mutating get {
      free = []
      while let last = places.last, last == nil { places.removeLast() }
      return places.isEmpty ? nil : places.count - 1
    }
  }

  /// Removes what `lastTaken` named, for taking a slab apart: its free list is not kept.
  public mutating func removeLast() {
    free = []
    places.removeLast()
  }

  /// The value in a place that is known to be taken; an empty place is a bug of the caller, and traps. In place: neither way copies the value.
  @inlinable
  public subscript(_ place: Int) -> Element {
    _read {
      // Traps by contract; a copy out and back would cost what yielding saves.
      // swift-format-ignore: NeverForceUnwrap
      yield places[place]!
    }
    _modify {
      // swift-format-ignore: NeverForceUnwrap
      yield &places[place]!
    }
  }

  /// The taken places, ascending. O(places).
  public var indices: [Int] { places.indices.filter { places[$0] != nil } }

  /// Visits every value with its place, ascending.
  public func forEach(_ body: (Int, Element) -> Void) {
    for place in places.indices {
      if let element = places[place] { body(place, element) }
    }
  }
}
