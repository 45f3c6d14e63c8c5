/// Values in numbered places that are used again: a reference is a small integer, not a pointer, and a million values are one array.
/// Public, though used inside the package alone: only then is it specialised in other modules.
public struct Slab<Element: Sendable>: Sendable {
  /// A value of a free place is what was left there. Not optional: reading one in place would copy it, with everything that it refers to.
  @usableFromInline var places: [Element] = []
  @usableFromInline var taken: [Bool] = []
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
  public func isTaken(_ place: Int) -> Bool { taken.indices.contains(place) && taken[place] }

  /// Puts a value into a free place and answers which. O(1) amortised.
  @inlinable
  public mutating func insert(_ element: Element) -> Int {
    if let place = free.popLast() {
      places[place] = element
      taken[place] = true
      return place
    }
    places.append(element)
    taken.append(true)
    return places.count - 1
  }

  /// Frees a place; a free one stays free. What is left there is kept until the place is taken again: without `blank` the value itself.
  @inlinable
  public mutating func remove(_ place: Int, leaving blank: Element? = nil) {
    guard isTaken(place) else { return }
    if let blank { places[place] = blank }
    taken[place] = false
    free.append(place)
  }

  /// The highest taken place, for taking a slab apart: the empty ones above it go, and with them the free list and the meaning of `count`. O(1) amortised.
  public var lastTaken: Int? {
    mutating get {
      free = []
      while taken.last == false {
        places.removeLast()
        taken.removeLast()
      }
      return places.isEmpty ? nil : places.count - 1
    }
  }

  /// Removes what `lastTaken` named, for taking a slab apart: its free list is not kept.
  public mutating func removeLast() {
    free = []
    places.removeLast()
    taken.removeLast()
  }

  /// The value in a place that is known to be taken; an empty place is a bug of the caller, and traps. In place: neither way copies the value.
  @inlinable
  public subscript(_ place: Int) -> Element {
    _read {
      precondition(taken[place])
      yield places[place]
    }
    _modify {
      precondition(taken[place])
      yield &places[place]
    }
  }

  /// The taken places, ascending. O(places).
  public var indices: [Int] { places.indices.filter { taken[$0] } }

  /// Visits every value with its place, ascending.
  public func forEach(_ body: (Int, Element) -> Void) {
    for place in places.indices where taken[place] { body(place, places[place]) }
  }
}
