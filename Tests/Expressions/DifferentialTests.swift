import Expressions
import JSON
import Resources
import Testing

/// A slow evaluator that follows the table of operators word by word over plain values, for comparison.
private indirect enum Plain {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([Plain])
  case object

  var json: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let value): value == value.rounded() ? "\(Int(value))" : "\(value)"
    case .string(let value): "\"\(value)\""
    case .array(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
    case .object: "{\"k\":1}"
    }
  }

  var isArray: Bool { if case .array = self { true } else { false } }
  var isNull: Bool { if case .null = self { true } else { false } }

  func equals(_ other: Plain) -> Bool {
    switch (self, other) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): a == b
    default: false
    }
  }

  func isLess(_ other: Plain) -> Bool? {
    switch (self, other) {
    case (.number(let a), .number(let b)): a < b
    case (.string(let a), .string(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
    default: nil
    }
  }
}

private indirect enum Formula {
  case compare(Source, String, Source)
  case and(Formula, Formula)
  case or(Formula, Formula)

  var text: String {
    switch self {
    case .compare(let a, let op, let b): "\(a.text) \(op) \(b.text)"
    case .and(let a, let b): "(\(a.text)) AND (\(b.text))"
    case .or(let a, let b): "(\(a.text) OR \(b.text))"
    }
  }

  func holds(_ task: [Plain?], _ worker: [Plain?]) -> Bool {
    switch self {
    case .and(let a, let b): a.holds(task, worker) && b.holds(task, worker)
    case .or(let a, let b): a.holds(task, worker) || b.holds(task, worker)
    case .compare(let a, let op, let b): Self.compare(a.value(task, worker), op, b.value(task, worker))
    }
  }

  static func compare(_ a: Plain, _ op: String, _ b: Plain) -> Bool {
    func member(_ x: Plain, _ group: Plain) -> Bool? {
      guard case .array(let values) = group, !x.isArray, !x.isNull else { return nil }
      return values.contains { $0.equals(x) }
    }
    switch op {
    case "HAS": return member(b, a) == true
    case "IN": return member(a, b) == true
    case "NOT IN": return member(a, b) == false
    default: break
    }
    if a.isArray || b.isArray { return false }
    switch op {
    case "==": return a.equals(b)
    case "!=": return !a.equals(b)
    case "<": return a.isLess(b) == true
    case ">": return b.isLess(a) == true
    case "<=": return b.isLess(a) == false
    case ">=": return a.isLess(b) == false
    default:
      guard case .string(let text) = a, case .string(let part) = b else { return false }
      return part.isEmpty || text.contains(part)
    }
  }
}

private indirect enum Source {
  case literal(Plain)
  case list([Source])
  case task(Int)
  case worker(Int)

  var text: String {
    switch self {
    case .literal(let value): value.json
    case .list(let sources): "[" + sources.map(\.text).joined(separator: ", ") + "]"
    case .task(let place): "task.t\(place)"
    case .worker(let place): "worker.w.a[\(place)]"
    }
  }

  func value(_ task: [Plain?], _ worker: [Plain?]) -> Plain {
    switch self {
    case .literal(let value): value
    case .list(let sources): .array(sources.map { $0.value(task, worker) })
    case .task(let place): (task[place] ?? nil) ?? .null
    case .worker(let place): (worker[place] ?? nil) ?? .null
    }
  }
}

private struct Maker {
  var random: SeededGenerator

  mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

  mutating func scalar() -> Plain {
    switch below(10) {
    case 0: .null
    case 1: .bool(below(2) == 0)
    case 2...5: .number([0, 1, 2, -1, 1.5, 2.5][below(6)])
    default: .string(["", "a", "b", "ab", "ba", "abcdefghij", "é"][below(7)])
    }
  }

  mutating func plain() -> Plain {
    switch below(8) {
    case 0: return .object
    case 1, 2: return .array((0..<below(5)).map { _ in below(8) == 0 ? .array([scalar()]) : scalar() })
    default: return scalar()
    }
  }

  mutating func source(depth: Int = 2) -> Source {
    switch below(8) {
    case 0, 1: return .literal(scalar())
    case 2 where depth > 0: return .list((0..<below(4)).map { _ in source(depth: depth - 1) })
    case 3, 4: return .worker(below(4))
    default: return .task(below(4))
    }
  }

  mutating func formula(depth: Int) -> Formula {
    if depth > 0, below(3) > 0 {
      let a = formula(depth: depth - 1)
      let b = formula(depth: depth - 1)
      return below(2) == 0 ? .and(a, b) : .or(a, b)
    }
    let ops = ["==", "!=", "<", "<=", ">", ">=", "CONTAINS", "HAS", "IN", "NOT IN"]
    return .compare(source(), ops[below(ops.count)], source())
  }

  mutating func plains() -> [Plain?] { (0..<4).map { _ in below(5) == 0 ? nil : plain() } }
}

private func taskText(_ values: [Plain?]) -> String {
  "{" + values.enumerated().compactMap { place, value in value.map { "\"t\(place)\":\($0.json)" } }.joined(separator: ",") + "}"
}

private func workerText(_ values: [Plain?]) -> String {
  "{\"w\":{\"a\":[" + values.map { ($0 ?? .null).json }.joined(separator: ",") + "]}}"
}

@Suite struct Differential {
  @Test func agreesWithTheReference() throws {
    var maker = Maker(random: SeededGenerator(seed: 7))
    var held = 0
    for _ in 0..<3000 {
      let formula = maker.formula(depth: 4)
      let expression = try Expression(parsing: formula.text, as: .target)
      for _ in 0..<4 {
        let task = maker.plains()
        let worker = maker.plains()
        let wanted = formula.holds(task, worker)
        held += wanted ? 1 : 0
        let found = expression.evaluate(task: json(taskText(task)), worker: Worker(workerText(worker)))
        #expect(found == wanted, "\(formula.text) with \(taskText(task)) and \(workerText(worker))")
      }
    }
    #expect(held > 1000 && held < 11_000)
  }

  /// Tasks of the same class get the same answer for every worker.
  @Test func classesKeepWhatCanBeTold() throws {
    var maker = Maker(random: SeededGenerator(seed: 8))
    var shared = 0
    for _ in 0..<300 {
      let expression = try Expression(parsing: maker.formula(depth: 2).text, as: .target)
      var answers: [[UInt8]: [Bool]] = [:]
      let workers = (0..<8).map { _ in Worker(workerText(maker.plains())) }
      for _ in 0..<60 {
        let task = json(taskText(maker.plains()))
        let found = workers.map { expression.evaluate(task: task, worker: $0) }
        if let known = answers.updateValue(found, forKey: expression.taskClass(of: task)) {
          shared += 1
          #expect(known == found, "\(expression.text)")
        }
      }
    }
    #expect(shared > 1000)
  }

  @Test(arguments: [
    (#"{"a":1}"#, #"{"a":1.0,"z":5}"#, true), ("{}", #"{"a":null}"#, true), (#"{"a":1}"#, #"{"a":2}"#, false),
    (#"{"a":1}"#, #"{"a":"1"}"#, false),
    (#"{"a":["x","y"]}"#, #"{"a":["y","x","x",null]}"#, true), (#"{"a":["x"]}"#, #"{"a":"x"}"#, false), (#"{"a":[]}"#, "{}", false),
    (#"{"a":{"k":1}}"#, #"{"a":{"k":2}}"#, true), (#"{"a":true}"#, #"{"a":false}"#, false),
    (#"{"a":"x","b":"y"}"#, #"{"a":"xy","b":""}"#, false),
    (#"{"a":18446744073709551615}"#, #"{"a":-1}"#, false), (#"{"a":-0.0}"#, #"{"a":0}"#, true), (#"{"a":"b\u0041"}"#, #"{"a":"bA"}"#, true),
    (#"{"a":["x"],"b":"y"}"#, #"{"a":["x","y"]}"#, false), (#"{"a":1e30}"#, #"{"a":1e31}"#, false),
  ]) func classesAreCanonical(_ one: String, _ other: String, _ isSame: Bool) throws {
    let expression = try Expression(parsing: "task.a == worker.a AND task.b IN worker.b AND task.a != 3", as: .target)
    #expect((expression.taskClass(of: json(one)) == expression.taskClass(of: json(other))) == isSame)
    #expect(try Expression(parsing: "worker.a == 1", as: .target).taskClass(of: json(one)).isEmpty)
  }
}
