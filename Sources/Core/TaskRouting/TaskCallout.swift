package import Resources

/// What the `callouts` topic carries: somebody outside is to be told, and may answer (taskrouter.md 8).
package struct AssignmentCallout: DocumentRecord, Equatable {
  package static let documentName = "an assignment callout"
  package var account = Identifier.none
  package var workspace = Identifier.none
  package var workflow = Identifier.none
  package var queue = Identifier.none
  package var task = Identifier.none
  package var worker = Identifier.none
  package var reservation = Identifier.none
  package var at: Int64 = 0

  package init() {}
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&account)
    try c.field(&workspace)
    try c.field(&workflow)
    try c.field(&queue)
    try c.field(&task)
    try c.field(&worker)
    try c.field(&reservation)
    try c.field(&at)
  }
}
