/// Values in numbered places that are used again: a reference is a small integer, not a pointer, and a million values are one array.
package struct Slab<Element: Sendable>: Sendable {
  @usableFromInline var places: [Element?] = []
  @usableFromInline var free: [Int] = []

  @inlinable
  package init() {}

  @inlinable
  package var count: Int { places.count - free.count }

  /// One more than the highest place ever taken.
  @inlinable
  package var capacity: Int { places.count }

  @inlinable
  package func isTaken(_ place: Int) -> Bool { places.indices.contains(place) && places[place] != nil }

  @inlinable
  package mutating func insert(_ element: Element) -> Int {
    if let place = free.popLast() {
      places[place] = element
      return place
    }
    places.append(element)
    return places.count - 1
  }

  @inlinable
  package mutating func remove(_ place: Int) {
    guard isTaken(place) else { return }
    places[place] = nil
    free.append(place)
  }

  /// The value in a place that is known to be taken; an empty place is a bug of the caller, and traps. In place: neither way copies the value.
  @inlinable
  package subscript(_ place: Int) -> Element {
    _read { yield places[place]! }  // traps by contract
    _modify { yield &places[place]! }  // traps by contract
  }

  package var indices: [Int] { places.indices.filter { places[$0] != nil } }

  package func forEach(_ body: (Int, Element) -> Void) {
    for place in places.indices {
      if let element = places[place] { body(place, element) }
    }
  }
}
