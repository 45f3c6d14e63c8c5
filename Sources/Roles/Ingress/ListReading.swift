import Ports
import Resources

/// Where a document stands in a list: by the list's value, then by that of the second key where the order has one, then by its identifier.
struct ListPlace: Sendable, Hashable {
  var value: Int64
  var second: Int64 = 0
  var id: Identifier
}

/// What puts documents of equal value in order.
struct SecondKey: Sendable, Equatable {
  /// The list whose values decide; nil: by identifier, which is by the time of creation.
  var index: UInt8?
  var ascending: Bool
}

/// Documents in the order of a list, and from where to read on.
struct ListStretch: Sendable {
  var documents: [Document] = []
  /// nil: that was the end.
  var behind: ListPlace?
  /// How many documents were looked at for it.
  var looked = 0
}

/// Reads a list in an order of one or two keys (taskrouter.md 2.8).
///
/// Hot state keeps one value in each list: a list for each pair of keys would cost every task memory and every change writes, for orders that few ask for. So documents of
/// equal value are put in order here. They are neighbours in their list. Where one read has all of them, they are sorted at once, as are up to `most` that take several;
/// more than that are found along the second key's list, of which they are a good part then.
struct ListReader: Sendable {
  let scope: Identifier
  let hot: any HotReads
  let range: DocumentRange
  var second: SecondKey?
  let place: @Sendable (Document) -> ListPlace
  /// Called behind every read, of which a list may take many (`Ingress.turn`).
  var turn: @Sendable () async -> Void = {}
  /// Documents that are sorted in memory, and that one stretch looks at in the second key's list.
  var most = 10_000

  /// About `limit` documents behind a place, or from the beginning; backwards, those before it, the nearest first. More than `limit` come where they were read anyway, fewer
  /// where many were looked at.
  func read(after: ListPlace?, backwards: Bool, limit: Int) async throws(HotStateFailure) -> ListStretch {
    let up = range.ascending != backwards
    guard let second else { return try await plain(after, up, limit) }
    let secondUp = second.ascending != backwards
    if second.index == nil, secondUp == up { return try await plain(after, up, limit) }
    return try await groups(after, up: up, secondUp: secondUp, limit)
  }

  private func plain(_ after: ListPlace?, _ up: Bool, _ limit: Int) async throws(HotStateFailure) -> ListStretch {
    let found = try await list(after: after.map { ($0.value, $0.id) }, up, limit)
    return ListStretch(documents: found, behind: found.count < limit ? nil : found.last.map(place), looked: found.count)
  }

  private func list(after: (Int64, Identifier)?, _ up: Bool, _ limit: Int) async throws(HotStateFailure) -> [Document] {
    var step = range
    step.after = after.map { (value: $0.0, id: $0.1) }
    step.ascending = up
    step.limit = limit
    let found = try await hot.list(scope, step).documents
    await turn()
    return found
  }

  // MARK: Groups of equal value

  private func groups(_ after: ListPlace?, up: Bool, secondUp: Bool, _ limit: Int) async throws(HotStateFailure) -> ListStretch {
    var out = ListStretch()
    var open = after.map { (value: $0.value, behind: Optional($0)) }
    var done: Int64?
    while true {
      if let group = open {
        let part = try await stretch(of: group.value, behind: group.behind, secondUp, limit - out.documents.count)
        out.documents += part.documents
        out.looked += part.looked
        out.behind = part.behind
        if part.behind != nil { return out }
        if out.documents.count >= limit {
          out.behind = out.documents.last.map(place)
          return out
        }
        done = group.value
      }
      let found = try await list(after: done.map { ($0, up ? Identifier.highest : .none) }, up, limit)
      out.looked += found.count
      var runs = split(found)
      // The last one may go on behind what was read.
      let last = found.count < limit ? nil : runs.popLast()
      for run in runs { out.documents += sorted(run.documents, secondUp) }
      guard let last else { return out }
      if out.documents.count >= limit {
        out.behind = out.documents.last.map(place)
        return out
      }
      open = (last.value, nil)
    }
  }

  private func split(_ documents: [Document]) -> [(value: Int64, documents: [Document])] {
    var runs: [(value: Int64, documents: [Document])] = []
    for document in documents {
      let value = place(document).value
      if runs.last?.value == value {
        runs[runs.count - 1].documents.append(document)
      } else {
        runs.append((value, [document]))
      }
    }
    return runs
  }

  private func sorted(_ documents: [Document], _ secondUp: Bool) -> [Document] {
    documents.map { (place($0), $0) }.sorted { ListReader.isBefore($0.0, $1.0, secondUp) }.map(\.1)
  }

  /// Of two places in one group.
  private static func isBefore(_ a: ListPlace, _ b: ListPlace, _ up: Bool) -> Bool {
    if a.second != b.second { return up == (a.second < b.second) }
    return a.id != b.id && up == (a.id < b.id)
  }

  // MARK: Inside one group

  private func stretch(of value: Int64, behind: ListPlace?, _ secondUp: Bool, _ limit: Int) async throws(HotStateFailure) -> ListStretch {
    guard let index = second?.index else { return try await byIdentifier(value, behind, secondUp, limit) }
    let (members, isWhole) = try await members(of: value)
    guard isWhole else { return try await search(for: value, along: index, behind, secondUp, limit) }
    // All of it: it was read and sorted, and whoever filters may need it.
    let rest = sorted(members, secondUp).filter { document in behind.map { ListReader.isBefore($0, place(document), secondUp) } ?? true }
    return ListStretch(documents: rest, looked: members.count)
  }

  private func byIdentifier(
    _ value: Int64, _ behind: ListPlace?, _ secondUp: Bool, _ limit: Int
  ) async throws(HotStateFailure) -> ListStretch {
    let found = try await list(after: (value, behind?.id ?? (secondUp ? .none : .highest)), secondUp, limit)
    let members = Array(found.prefix { place($0).value == value })
    return ListStretch(documents: members, behind: members.count < limit ? nil : members.last.map(place), looked: found.count)
  }

  /// All documents of a value, unless they are more than are sorted in memory.
  private func members(of value: Int64) async throws(HotStateFailure) -> ([Document], isWhole: Bool) {
    var members: [Document] = []
    var after = Identifier.none
    while true {
      let found = try await list(after: (value, after), true, 1000)
      let more = found.prefix { place($0).value == value }
      members += more
      if members.count > most { return (members, false) }
      guard more.count == 1000, let last = more.last else { return (members, true) }
      after = last.key.id
    }
  }

  private func search(
    for value: Int64, along index: UInt8, _ behind: ListPlace?, _ secondUp: Bool, _ limit: Int
  ) async throws(HotStateFailure) -> ListStretch {
    var out = ListStretch()
    var step = DocumentRange(kind: range.kind, index: index, parent: range.parent, ascending: secondUp, limit: 1000)
    step.after = behind.map { (value: $0.second, id: $0.id) }
    while true {
      let found = try await hot.list(scope, step).documents
      for document in found {
        out.looked += 1
        var here = place(document)
        step.after = (value: here.second, id: here.id)
        if here.value == value { out.documents.append(document) }
        // Also one of another group shows where to read on in this.
        here.value = value
        out.behind = here
      }
      if found.count < step.limit {
        out.behind = nil
        return out
      }
      // To find out that the group is large was the dearer part, so all of a read is given.
      if out.documents.count >= limit || out.looked >= most { return out }
    }
  }
}

extension Identifier {
  /// Behind all others.
  fileprivate static let highest = Identifier(high: .max, low: .max)
}
