extension JSONWriter {
  /// Writes a value that was read, members in their order.
  package mutating func write(_ value: JSONValue) {
    switch value.kind {
    case .null: null()
    case .bool: bool(value.bool ?? false)
    case .integer: int(value.integer ?? 0)
    case .unsigned: int(value.unsigned ?? 0)
    case .double: double(value.double ?? 0)
    case .string: string(value.string ?? "")
    case .array:
      beginArray()
      for element in value.elements { write(element) }
      endArray()
    case .object:
      beginObject()
      for (name, member) in value.pairs {
        key(name.string)
        write(member)
      }
      endObject()
    }
  }
}
