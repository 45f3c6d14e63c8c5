/// Values in numbered places that are used again: a reference is a small integer, not a pointer, and a million values are one array.
package struct Slab<Element: Sendable>: Sendable {
  @usableFromInline var places: [Element?] = []
  @usableFromInline var free: [Int] = []

  package init() {}

  package var count: Int { places.count - free.count }

  /// One more than the highest place ever taken.
  package var capacity: Int { places.count }

  package func isTaken(_ place: Int) -> Bool { place < places.count && places[place] != nil }

  package mutating func insert(_ element: Element) -> Int {
    if let place = free.popLast() {
      places[place] = element
      return place
    }
    places.append(element)
    return places.count - 1
  }

  package mutating func remove(_ place: Int) {
    places[place] = nil
    free.append(place)
  }

  /// The value in a place that is known to be taken; an empty place is a bug of the caller.
  @inlinable
  package subscript(_ place: Int) -> Element {
    _read { yield places[place].unsafelyUnwrappedChecked }
    _modify {
      guard places[place] != nil else { preconditionFailure("an empty place of a slab") }
      // Checked in the line above; a copy out and back would cost what yielding saves.
      // swift-format-ignore: NeverForceUnwrap
      yield &places[place]!
    }
  }

  package var indices: [Int] { places.indices.filter { places[$0] != nil } }

  package func forEach(_ body: (Int, Element) -> Void) {
    for place in places.indices {
      if let element = places[place] { body(place, element) }
    }
  }
}

extension Optional {
  @usableFromInline var unsafelyUnwrappedChecked: Wrapped {
    guard let self else { preconditionFailure("an empty place of a slab") }
    return self
  }
}
