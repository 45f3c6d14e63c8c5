import JSON
import Resources

/// What resources are written with: a name and its value.
extension JSONWriter {
  mutating func member(_ name: String, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }
  mutating func member(_ name: String, _ value: Int64) {
    key(name)
    int(value)
  }
  mutating func member(_ name: String, _ value: Bool) {
    key(name)
    bool(value)
  }
  /// An instant that is known to be after 1970; 0 is none.
  mutating func date(_ name: String, _ instant: Int64) {
    guard instant > 0 else { return member(name, nil) }
    anyDate(name, instant)
  }
  mutating func anyDate(_ name: String, _ instant: Int64) {
    key(name)
    plain { Dates.appendISO8601(instant, to: &$0) }
  }
  mutating func sid(_ name: String, _ kind: SIDKind, _ id: Identifier) {
    key(name)
    plain { kind.append(id, to: &$0) }
  }
  /// The SID of what there may be; null for what there is not.
  mutating func sid(_ name: String, _ kind: SIDKind, orNull id: Identifier) {
    if id.isNone { member(name, nil) } else { sid(name, kind, id) }
  }
  /// Where something is found: all of it, or one, or what belongs to that one.
  mutating func url(_ name: String, _ place: Place) {
    key(name)
    plain { place.append(to: &$0) }
  }
  mutating func links(_ body: (inout JSONWriter) -> Void) {
    key("links")
    beginObject()
    body(&self)
    endObject()
  }
}

/// A place under a workspace's URL: a folder, one thing in it, and what that has below.
struct Place: Sendable {
  /// The workspace's URL, as it stands in JSON.
  let root: [UInt8]
  var folder: StaticString = ""
  var kind = SIDKind.task
  /// None: the folder itself.
  var id = Identifier.none
  var below: StaticString = ""
  /// The one below that is meant; none: all of them.
  var belowKind = SIDKind.reservation
  var belowID = Identifier.none

  func append(to bytes: inout [UInt8]) {
    bytes.append(contentsOf: root)
    Place.append(folder, to: &bytes)
    if !id.isNone {
      bytes.append(UInt8(ascii: "/"))
      kind.append(id, to: &bytes)
    }
    Place.append(below, to: &bytes)
    guard !belowID.isNone else { return }
    bytes.append(UInt8(ascii: "/"))
    belowKind.append(belowID, to: &bytes)
  }

  /// What belongs to it by that name, such as its statistics.
  func with(below name: StaticString) -> Place {
    var place = self
    place.below = name
    return place
  }

  private static func append(_ text: StaticString, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
