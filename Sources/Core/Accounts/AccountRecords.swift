package import Resources

/// The kinds of documents that the accounts' machine keeps. An account is a scope of its own; its subaccounts and workspaces are entries in it.
package enum AccountKind {
  package static let account: UInt8 = 1
  package static let subaccount: UInt8 = 2
  package static let workspace: UInt8 = 3
}

/// An account's `status` (voice.md 1.1).
package enum AccountStatus: UInt8, Sendable, TextChoice {
  case active, suspended, closed

  package var text: String {
    switch self {
    case .active: "active"
    case .suspended: "suspended"
    case .closed: "closed"
    }
  }
}

/// A tenant: who it is, and the secret that its requests and our signatures use. Times are milliseconds since 1970.
package struct AccountRecord: DocumentRecord, Equatable {
  package static let documentName = "an account"
  /// Its own identifier for a parent, the parent's for a subaccount.
  package var owner = Identifier.none
  package var friendlyName = ""
  package var status = AccountStatus.active
  package var authToken = ""
  package var created: Int64 = 0
  package var updated: Int64 = 0

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&owner)
    try c.field(&friendlyName)
    try c.field(choice: &status)
    try c.field(&authToken)
    try c.field(&created)
    try c.field(&updated)
  }
}

/// Says that something (a subaccount, a workspace) belongs to this account; `serial` is its place in the order of creation.
package struct EntryRecord: DocumentRecord, Equatable {
  package static let documentName = "an entry of an account"
  package var serial: Int64 = 0

  package init() {}
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) { try c.field(&serial) }
}

/// In which lists an account's documents stand: entries by order of creation.
package enum AccountIndexes {
  @Sendable
  package static func entries(_ key: DocumentKey, _ bytes: [UInt8]) -> IndexEntries {
    guard key.kind == AccountKind.subaccount || key.kind == AccountKind.workspace, let entry = try? EntryRecord(decoding: bytes) else {
      return []
    }
    return IndexEntries(IndexEntry(index: 0, value: entry.serial))
  }
}

/// What a command asks of the accounts' machine.
package struct AccountRequest: DocumentRecord, Equatable {
  package enum Operation: UInt8, Sendable {
    /// A parent account, made by the operator; answers 200 when it is there already.
    case create = 1
    case createSubaccount
    /// From the parent's partition to the subaccount's own.
    case adopt
    case update
    /// A new token; the old one stops working.
    case rotate
  }

  package static let documentName = "an account request"
  package var operation = Operation.create
  /// The account that is made, where that is not the scope.
  package var subject = Identifier.none
  package var parent = Identifier.none
  package var friendlyName: String?
  package var status: String?
  package var token: String?

  package init() {}
  package init(_ operation: Operation) { self.operation = operation }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(choice: &operation)
    try c.field(&subject)
    try c.field(&parent)
    try c.field(&friendlyName)
    try c.field(&status)
    try c.field(&token)
  }
}
