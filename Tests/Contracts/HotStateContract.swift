import Ports
import Resources
import Testing

@Suite("HotState contract") struct HotStateContract {
  private let scope = Identifier(high: 1, low: 1)
  private let first = RefillToken(epoch: 10, attempt: 1)
  private let second = RefillToken(epoch: 10, attempt: 2)

  @Test("A scope never touched answers with mark -1 and nothing", arguments: HotStateHome.allCases)
  func untouched(_ home: HotStateHome) async throws {
    let state = try await home.make()
    let read = try await state.get(scope, [key(1)])
    #expect(read.mark == -1)
    #expect(read.documents == [nil])
    #expect(try await state.list(scope, DocumentRange(kind: 3, index: 0, limit: 10)).mark == -1)
    #expect(try await state.marks([scope]) == [-1])
  }

  @Test("An apply whose previous mark is the stored one writes documents and mark together", arguments: HotStateHome.allCases)
  func applies(_ home: HotStateHome) async throws {
    let state = try await home.make()
    #expect(try await state.apply(scope, -1, 5, [write(sample(1, value: 1))]) == .applied)
    #expect(try await state.apply(scope, 5, 9, [write(sample(2, value: 2)), delete(1)]) == .applied)
    let read = try await state.get(scope, [key(1), key(2), key(3)])
    #expect(read.mark == 9)
    #expect(read.documents == [nil, sample(2, value: 2).bytes, nil])
  }

  @Test("A scope that is further on is left alone, one that knows less is a gap", arguments: HotStateHome.allCases)
  func compares(_ home: HotStateHome) async throws {
    let state = try await home.make()
    _ = try await state.apply(scope, -1, 5, [write(sample(1, value: 1))])
    #expect(try await state.apply(scope, -1, 5, [write(sample(1, value: 9))]) == .newer)
    #expect(try await state.apply(scope, 3, 7, [write(sample(1, value: 9))]) == .newer)
    #expect(try await state.apply(scope, 6, 7, [write(sample(1, value: 9))]) == .gap)
    #expect(try await state.apply(id(99), 0, 1, [write(sample(1, value: 9))]) == .gap)
    let read = try await state.get(scope, [key(1)])
    #expect(read.mark == 5)
    #expect(read.documents == [sample(1, value: 1).bytes])
  }

  @Test("Entries of one call are settled each on its own, in order", arguments: HotStateHome.allCases)
  func manyEntries(_ home: HotStateHome) async throws {
    let state = try await home.make()
    let outcomes = try await state.apply([
      ScopeApply(scope: scope, previous: -1, mark: 1, changes: []),
      ScopeApply(scope: id(2), previous: 4, mark: 5, changes: []),
      ScopeApply(scope: scope, previous: 1, mark: 2, changes: []),
      ScopeApply(scope: scope, previous: 1, mark: 3, changes: []),
    ])
    #expect(outcomes == [.applied, .gap, .applied, .newer])
    #expect(try await state.marks([id(2), scope]) == [-1, 2])
  }

  @Test("A scope whose documents are all deleted keeps its mark", arguments: HotStateHome.allCases)
  func deletedKeepsMark(_ home: HotStateHome) async throws {
    let state = try await home.make()
    _ = try await state.apply(scope, -1, 1, [write(sample(1, value: 1))])
    #expect(try await state.apply(scope, 1, 2, [delete(1)]) == .applied)
    #expect(try await state.marks([scope]) == [2])
    #expect(try await state.apply(scope, -1, 1, [write(sample(1, value: 1))]) == .newer)
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: 10)) == [])
  }

  @Test("Of several changes to one document in one apply the last counts", arguments: HotStateHome.allCases)
  func lastChangeCounts(_ home: HotStateHome) async throws {
    let state = try await home.make()
    let changes = [
      write(sample(1, value: 1)), write(sample(2, value: 5)), delete(1), write(sample(1, value: 9)), write(sample(3, value: 7)), delete(3),
    ]
    #expect(try await state.apply(scope, -1, 1, changes) == .applied)
    #expect(try await state.get(scope, [key(1), key(2), key(3)]).documents == [sample(1, value: 9).bytes, sample(2, value: 5).bytes, nil])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: 10)) == [2, 1])
  }

  @Test("An apply and a chunk may hold more documents than an adapter handles at once", arguments: HotStateHome.allCases)
  func manyDocuments(_ home: HotStateHome) async throws {
    let state = try await home.make()
    let numbers = Array(UInt64(1)...1300)
    let all = DocumentRange(kind: 3, index: 0, limit: 2000)
    #expect(try await state.apply(scope, -1, 1, numbers.map { write(sample($0, value: 1)) }) == .applied)
    #expect(try await state.page(scope, all) == numbers)
    #expect(try await state.apply(scope, 1, 2, numbers.map { $0 % 2 == 0 ? delete($0) : write(sample($0, value: 2)) }) == .applied)
    #expect(try await state.page(scope, all) == numbers.filter { $0 % 2 == 1 })
    #expect(try await state.begin(scope, first, expected: 8) == .done)
    #expect(try await state.chunk(scope, first, 0, numbers.map { sample($0, value: 1) }) == .done)
    #expect(try await state.end(scope, first, chunks: 1, mark: 8) == .done)
    #expect(try await state.page(scope, all) == numbers)
  }

  @Test("Deleting what is not there is no error", arguments: HotStateHome.allCases)
  func deleteAbsent(_ home: HotStateHome) async throws {
    let state = try await home.make()
    #expect(try await state.apply(scope, -1, 1, [delete(4)]) == .applied)
  }

  @Test("A refill replaces the whole scope and makes it readable at its end", arguments: HotStateHome.allCases)
  func refills(_ home: HotStateHome) async throws {
    let state = try await home.make()
    _ = try await state.apply(scope, -1, 1, [write(sample(1, value: 1))])
    #expect(try await state.begin(scope, first, expected: 8) == .done)
    #expect(try await state.chunk(scope, first, 0, [sample(2, value: 2)]) == .done)
    #expect(try await state.chunk(scope, first, 1, [sample(3, value: 3)]) == .done)
    #expect(try await state.end(scope, first, chunks: 2, mark: 8) == .done)
    let read = try await state.get(scope, [key(1), key(2)])
    #expect(read.mark == 8)
    #expect(read.documents == [nil, sample(2, value: 2).bytes])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: 10)) == [2, 3])
    #expect(try await state.apply(scope, 8, 9) == .applied)
  }

  @Test("While it is refilled a scope answers not now, has no mark and takes no apply", arguments: HotStateHome.allCases)
  func refilling(_ home: HotStateHome) async throws {
    let state = try await home.make()
    _ = try await state.apply(scope, -1, 1, [write(sample(1, value: 1))])
    _ = try await state.begin(scope, first, expected: 8)
    await #expect(throws: HotStateFailure.notNow) { try await state.get(scope, [key(1)]) }
    await #expect(throws: HotStateFailure.notNow) { try await state.list(scope, DocumentRange(kind: 3, index: 0, limit: 1)) }
    #expect(try await state.marks([scope]) == [-1])
    #expect(try await state.apply(scope, 1, 2) == .gap)
    #expect(try await state.apply(scope, -1, 2) == .gap)
  }

  @Test("A refill is not begun where the mark is already there", arguments: HotStateHome.allCases)
  func refillNotNeeded(_ home: HotStateHome) async throws {
    let state = try await home.make()
    _ = try await state.apply(scope, -1, 8, [write(sample(1, value: 1))])
    #expect(try await state.begin(scope, first, expected: 8) == .notNeeded)
    #expect(try await state.begin(scope, first, expected: 7) == .notNeeded)
    #expect(try await state.get(scope, [key(1)]).documents == [sample(1, value: 1).bytes])
  }

  @Test("A later token takes a refill over; the earlier one can do nothing any more", arguments: HotStateHome.allCases)
  func staleToken(_ home: HotStateHome) async throws {
    let state = try await home.make()
    _ = try await state.begin(scope, first, expected: 8)
    _ = try await state.chunk(scope, first, 0, [sample(1, value: 1)])
    #expect(try await state.begin(scope, second, expected: 9) == .done)
    #expect(try await state.chunk(scope, first, 1, [sample(2, value: 2)]) == .refused)
    #expect(try await state.end(scope, first, chunks: 1, mark: 8) == .refused)
    #expect(try await state.begin(scope, first, expected: 8) == .refused)
    #expect(try await state.chunk(scope, second, 0, [sample(3, value: 3)]) == .done)
    #expect(try await state.end(scope, second, chunks: 1, mark: 9) == .done)
    #expect(try await state.begin(scope, first, expected: 99) == .refused, "the token is remembered after the refill")
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: 10)) == [3])
  }

  @Test("A missing, doubled or uncounted chunk is refused", arguments: HotStateHome.allCases)
  func missingChunk(_ home: HotStateHome) async throws {
    let state = try await home.make()
    #expect(try await state.chunk(scope, first, 0) == .refused, "nothing was begun")
    _ = try await state.begin(scope, first, expected: 8)
    #expect(try await state.chunk(scope, first, 1) == .refused)
    #expect(try await state.chunk(scope, first, 0) == .done)
    #expect(try await state.chunk(scope, first, 0) == .refused)
    #expect(try await state.end(scope, first, chunks: 2, mark: 8) == .refused)
    #expect(try await state.begin(scope, second, expected: 8) == .done)
    #expect(try await state.end(scope, second, chunks: 0, mark: 8) == .done)
    #expect(try await state.marks([scope]) == [8])
  }

  @Test(
    "Until its partition is complete, a scope without a mark is not there yet, and one with a mark is read",
    arguments: HotStateHome.allCases)
  func incomplete(_ home: HotStateHome) async throws {
    let state = try await home.make(complete: false)
    await #expect(throws: HotStateFailure.notNow) { try await state.get(scope, [key(1)]) }
    await #expect(throws: HotStateFailure.notNow) { try await state.list(scope, DocumentRange(kind: 3, index: 0, limit: 1)) }
    #expect(try await state.apply(scope, 3, 4) == .gap)
    await #expect(throws: HotStateFailure.notNow, "a gap leaves nothing behind") { try await state.get(scope, [key(1)]) }
    #expect(try await state.apply(scope, -1, 5, [write(sample(1, value: 1))]) == .applied)
    #expect(try await state.get(scope, [key(1)]).mark == 5)
    await #expect(throws: HotStateFailure.notNow) { try await state.get(id(2), [key(1)]) }
  }

  @Test("Once the owner has compared its scopes and said so, what has no mark was never touched", arguments: HotStateHome.allCases)
  func complete(_ home: HotStateHome) async throws {
    let state = try await home.make(complete: false)
    _ = try await state.apply(scope, -1, 5, [write(sample(1, value: 1))])
    #expect(try await state.marks([scope]) == [5])
    try await state.setComplete(0, first)
    #expect(try await state.get(id(2), [key(1)]).mark == -1)
    #expect(try await state.list(id(2), DocumentRange(kind: 3, index: 0, limit: 1)).mark == -1)
    #expect(try await state.get(scope, [key(1)]).mark == 5)
  }
}
