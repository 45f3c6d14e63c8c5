import Ports
import Resources
import Testing

@Suite("HotState contract: lists") struct HotStateListContract {
  private let scope = Identifier(high: 1, low: 1)

  /// Five documents of parent 1 with values 10, 20, 20, 30, 40 and one of parent 2, written in no order.
  private func filled(_ home: HotStateHome) async throws -> any HotState {
    let state = try await home.make()
    let documents = [
      sample(5, value: 40), sample(3, value: 20), sample(1, value: 10), sample(2, value: 20), sample(4, value: 30),
      sample(6, parent: 2, value: 25), sample(7, parent: 0, value: 1),
    ]
    _ = try await state.apply(scope, -1, 1, documents.map(write))
    return state
  }

  @Test("A list is sorted by value, then identifier, both ways, and holds only its parent's documents", arguments: HotStateHome.allCases)
  func order(_ home: HotStateHome) async throws {
    let state = try await filled(home)
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: 10)) == [1, 2, 3, 6, 4, 5])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 1, parent: id(1), limit: 10)) == [1, 2, 3, 4, 5])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 1, parent: id(1), ascending: false, limit: 10)) == [5, 4, 3, 2, 1])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 1, parent: id(9), limit: 10)) == [])
    #expect(try await state.page(scope, DocumentRange(kind: 4, index: 0, limit: 10)) == [])
  }

  @Test("Pages follow one another without gap or repeat, both ways", arguments: HotStateHome.allCases, [true, false])
  func pages(_ home: HotStateHome, ascending: Bool) async throws {
    let state = try await filled(home)
    var seen: [UInt64] = []
    var after: (value: Int64, id: Identifier)?
    while true {
      let page = try await state.list(
        scope, DocumentRange(kind: 3, index: 1, parent: id(1), after: after, ascending: ascending, limit: 2)
      ).documents
      guard let last = page.last else { break }
      seen += page.map { $0.key.id.low }
      after = (Int64(last.bytes[1]), last.key.id)
    }
    #expect(seen == (ascending ? [1, 2, 3, 4, 5] : [5, 4, 3, 2, 1]))
  }

  @Test("A page starts behind a place that is no longer there", arguments: HotStateHome.allCases)
  func afterAbsent(_ home: HotStateHome) async throws {
    let state = try await filled(home)
    _ = try await state.apply(scope, 1, 2, [delete(2)])
    let range = DocumentRange(kind: 3, index: 1, parent: id(1), after: (20, id(2)), limit: 2)
    #expect(try await state.page(scope, range) == [3, 4])
    var down = range
    down.ascending = false
    #expect(try await state.page(scope, down) == [1])
  }

  @Test("A page starts before all documents of a value, or behind them", arguments: HotStateHome.allCases)
  func aroundValue(_ home: HotStateHome) async throws {
    let state = try await filled(home)
    func page(_ value: Int64, _ document: Identifier, ascending: Bool) async throws -> [UInt64] {
      let after = (value: value, id: document)
      return try await state.page(scope, DocumentRange(kind: 3, index: 1, parent: id(1), after: after, ascending: ascending, limit: 10))
    }
    let highest = Identifier(high: .max, low: .max)
    #expect(try await page(20, .none, ascending: true) == [2, 3, 4, 5])
    #expect(try await page(20, highest, ascending: true) == [4, 5])
    #expect(try await page(20, .none, ascending: false) == [1])
    #expect(try await page(20, highest, ascending: false) == [3, 2, 1])
  }

  @Test("An update moves a document in its lists, and between them", arguments: HotStateHome.allCases)
  func moves(_ home: HotStateHome) async throws {
    let state = try await filled(home)
    _ = try await state.apply(
      scope, 1, 2, [write(sample(1, value: 50)), write(sample(4, parent: 2, value: 5)), write(sample(5, parent: 0, value: 1))])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 1, parent: id(1), limit: 10)) == [2, 3, 1])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 1, parent: id(2), limit: 10)) == [4, 6])
    #expect(try await state.get(scope, [key(5)]).documents == [sample(5, parent: 0, value: 1).bytes])
  }

  @Test("An update that leaves its place alone changes the document in the list", arguments: HotStateHome.allCases)
  func updatesInPlace(_ home: HotStateHome) async throws {
    let state = try await filled(home)
    _ = try await state.apply(scope, 1, 2, [write(sample(1, value: 10, payload: 77))])
    let page = try await state.list(scope, DocumentRange(kind: 3, index: 0, limit: 1))
    #expect(page.mark == 2)
    #expect(page.documents.map(\.bytes) == [[1, 10, 77]])
  }

  @Test("A page of no documents is empty, not everything", arguments: HotStateHome.allCases)
  func noLimit(_ home: HotStateHome) async throws {
    let state = try await filled(home)
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: 0)) == [])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: -1)) == [])
  }

  @Test("Marks and documents are read at one instant", arguments: HotStateHome.allCases)
  func atomicReads(_ home: HotStateHome) async throws {
    let state = try await home.make()
    let scope = scope
    _ = try await state.apply(scope, -1, 0, [write(sample(1, value: 0)), write(sample(2, value: 0))])
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for mark in Int64(1)...200 {
          let value = UInt8(mark)
          _ = try await state.apply(scope, mark - 1, mark, [write(sample(1, value: value)), write(sample(2, value: value))])
        }
      }
      group.addTask {
        for _ in 0..<200 {
          let read = try await state.get(scope, [key(1), key(2)])
          #expect(read.documents.map { $0.map { Int64($0[1]) } } == [read.mark, read.mark])
        }
      }
      try await group.waitForAll()
    }
  }
}
