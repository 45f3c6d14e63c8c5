import InProcessHotState
import Ports
import Resources
import Testing

@testable import Ingress

@Suite("Lists in an order of one or two keys (taskrouter.md 2.8)")
struct ListReadingTests {
  /// A document that stands in list 3 by its first byte and in list 2 by its second.
  private struct Item: Sendable {
    var value: Int64
    var second: Int64
    var id: UInt64

    var document: Document {
      Document(
        key: DocumentKey(kind: 8, id: Identifier(high: id, low: 7)),
        bytes: [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: second)])
    }
  }

  private static let scope = Identifier(high: 1, low: 1)

  /// Few values, so that there are groups of all sizes; identifiers in no order.
  private static let items = (0..<40).map { number in
    let place = UInt64(number * 17 % 40 + 1)
    return Item(value: [1, 1, 2, 3, 3, 3, 3, 9][number % 8], second: Int64(number * 7 % 5) - 2, id: place)
  }

  private func filled(_ items: [Item]) -> InProcessHotState {
    let state = InProcessHotState { _, bytes in
      IndexEntries(
        IndexEntry(index: 3, value: Int64(bytes[0])), IndexEntry(index: 2, value: Int64(Int8(bitPattern: bytes[1]))))
    }
    let changes = items.map { Change(key: $0.document.key, bytes: $0.document.bytes) }
    state.apply([ScopeApply(scope: Self.scope, previous: -1, mark: 1, changes: changes)]) { _ in }
    return state
  }

  private func reader(_ state: InProcessHotState, ascending: Bool, _ second: SecondKey, most: Int) -> ListReader {
    let range = DocumentRange(kind: 8, index: 3, ascending: ascending, limit: 0)
    return ListReader(
      scope: Self.scope, hot: state, range: range, second: second,
      place: { document in
        ListPlace(
          value: Int64(document.bytes[0]), second: second.index == nil ? 0 : Int64(Int8(bitPattern: document.bytes[1])), id: document.key.id
        )
      }, most: most)
  }

  /// Everything behind a place, read in stretches.
  private func all(_ list: ListReader, after: ListPlace? = nil, backwards: Bool = false, limit: Int) async throws -> [UInt64] {
    var seen: [UInt64] = []
    var after = after
    while true {
      let stretch = try await list.read(after: after, backwards: backwards, limit: limit)
      seen += stretch.documents.map { $0.key.id.high }
      guard let behind = stretch.behind else { return seen }
      #expect(behind != after, "it gets on")
      after = behind
    }
  }

  private func expected(ascending: Bool, _ second: SecondKey) -> [UInt64] {
    Self.items.sorted { a, b in
      if a.value != b.value { return ascending == (a.value < b.value) }
      if second.index != nil, a.second != b.second { return second.ascending == (a.second < b.second) }
      return second.ascending == (a.id < b.id)
    }.map(\.id)
  }

  @Test(
    "Each key has its direction, in stretches of any length, however large the groups are", arguments: [1, 2, 3, 7, 39, 40, 41, 100],
    [0, 3, 12, 10_000])
  func order(limit: Int, most: Int) async throws {
    let state = filled(Self.items)
    for ascending in [true, false] {
      for second in [UInt8?.none, 2].flatMap({ index in [true, false].map { SecondKey(index: index, ascending: $0) } }) {
        let list = reader(state, ascending: ascending, second, most: most)
        #expect(try await all(list, limit: limit) == expected(ascending: ascending, second), "\(ascending) \(second)")
      }
    }
  }

  @Test("From each place the list goes on forwards and backwards without gap or repeat", arguments: [1, 4, 50], [0, 10_000])
  func bothWays(limit: Int, most: Int) async throws {
    let state = filled(Self.items)
    for second in [UInt8?.none, 2].flatMap({ index in [true, false].map { SecondKey(index: index, ascending: $0) } }) {
      let list = reader(state, ascending: false, second, most: most)
      let order = expected(ascending: false, second)
      for (number, id) in order.enumerated() {
        let item = try #require(Self.items.first { $0.id == id })
        let place = list.place(item.document)
        #expect(try await all(list, after: place, limit: limit) == Array(order[(number + 1)...]))
        #expect(try await all(list, after: place, backwards: true, limit: limit) == order[..<number].reversed())
      }
    }
  }

  @Test("A place behind which documents have gone is still a place")
  func gone() async throws {
    let second = SecondKey(index: 2, ascending: false)
    let order = expected(ascending: true, second)
    let missing = try #require(Self.items.first { $0.id == order[9] })
    let list = reader(filled(Self.items.filter { $0.id != missing.id }), ascending: true, second, most: 10_000)
    #expect(try await all(list, after: list.place(missing.document), limit: 4) == Array(order[10...]))
  }

  @Test("A token carries both values; those without a second one are as they were")
  func tokens() throws {
    let one = ListPlace(value: -5, id: Identifier(high: 2, low: 3))
    let two = ListPlace(value: 7, second: -1, id: Identifier(high: 2, low: 3))
    for place in [one, two] {
      for isBackwards in [true, false] {
        let token = PageToken(isBackwards: isBackwards, place: place)
        let read = try #require(PageToken(token.text))
        #expect(read.place == place && read.isBackwards == isBackwards)
      }
    }
    #expect(PageToken(isBackwards: false, place: one).text == "PAfffffffffffffffb00000000000000020000000000000003")
    #expect(PageToken("PA" + String(repeating: "0", count: 56)) == nil)
    #expect(PageToken("PA" + String(repeating: "0", count: 63) + "x") == nil)
  }
}

@Suite("Ordering of tasks (taskrouter.md 2.8)")
struct TaskOrderingTests {
  @Test("A single Priority lists the oldest first; a second key has its own direction")
  func keys() throws {
    func second(_ text: String) throws -> SecondKey? { try TaskOrdering(text).second }
    #expect(try second("Priority:desc") == SecondKey(index: nil, ascending: true))
    #expect(try second("Priority:asc,DateCreated:desc") == SecondKey(index: nil, ascending: false))
    #expect(try second("Priority:desc,VirtualStartTime:asc") == SecondKey(index: 2, ascending: true))
    #expect(try second("VirtualStartTime:asc, Priority:DESC") == SecondKey(index: 3, ascending: false))
    #expect(try second("DateCreated:desc,Priority:desc") == nil)
    #expect(try second("VirtualStartTime:desc") == nil)
    #expect(try !TaskOrdering("Priority:desc,DateCreated:asc").ascending)
  }

  @Test("What is refused", arguments: ["Priority:up", "Age:asc", "DateCreated:asc,VirtualStartTime:asc", "Priority:asc:asc"])
  func refused(_ text: String) { #expect(throws: APIError.self) { try TaskOrdering(text) } }
}
