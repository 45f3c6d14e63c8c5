import Resources
import Synchronization

/// The documents that a machine is to be made of elsewhere; called off, nobody makes it, and they are let go of at once.
final class MachineLoad: Sendable {
  private let documents: Mutex<[Identifier: [DocumentKey: [UInt8]]]?>

  init(_ documents: [Identifier: [DocumentKey: [UInt8]]]) { self.documents = Mutex(documents) }

  func take() -> [Identifier: [DocumentKey: [UInt8]]]? {
    documents.withLock { documents in
      defer { documents = nil }
      return documents
    }
  }

  func callOff() { _ = take() }
}
