import JSON

/// What a name in an expression refers to.
enum Name: Sendable, Hashable {
  case task(JSONPath)
  case worker(JSONPath)
  case field(WorkerField)
  case channel(String, ChannelVariable)
  case available
  case unavailable
  case activity(String)
}

/// taskrouter.md 6.6.
enum WorkerField: String, Sendable {
  case sid
  case friendlyName = "friendly_name"
  case activitySid = "activity_sid"
  case activityName = "activity_name"
}

enum ChannelVariable: String, Sendable {
  case configuredCapacity = "configured_capacity"
  case assignedTasks = "assigned_tasks"
  case availableCapacityPercentage = "available_capacity_percentage"
}

enum Operand: Sendable {
  case constant(Value)
  case name(Name)
}

enum Operator: Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, contains, has, isIn, isNotIn }

struct Comparison: Sendable {
  var left: Operand
  var op: Operator
  var right: Operand
}

/// What the names of an expression are read from.
protocol Surroundings {
  func value(of name: Name) -> Value
}

/// A compiled expression: comparisons that each know which comes next when they hold and when they do not. AND and OR are nothing but those places,
/// so evaluating is a loop without a stack, and stops as soon as the result is known.
struct Program: Sendable {
  struct Step: Sendable {
    var comparison: Comparison
    var whenTrue: Int
    var whenFalse: Int
  }

  static let accept = -1
  static let refuse = -2

  private var steps: [Step] = []
  private var start = Program.refuse
  /// Every name once, in the order of the text.
  private(set) var names: [Name] = []

  /// Nobody and nothing.
  init() {}

  init(_ tree: Tree, names: [Name]) {
    self.names = names
    start = add(tree, Self.accept, Self.refuse)
  }

  /// Adds from the back, so that the places to go on to are known. Recursion is as deep as the parentheses, which are bounded.
  private mutating func add(_ tree: Tree, _ whenTrue: Int, _ whenFalse: Int) -> Int {
    switch tree {
    case .comparison(let comparison):
      steps.append(Step(comparison: comparison, whenTrue: whenTrue, whenFalse: whenFalse))
      return steps.count - 1
    case .all(let parts): return parts.reversed().reduce(whenTrue) { next, part in add(part, next, whenFalse) }
    case .any(let parts): return parts.reversed().reduce(whenFalse) { next, part in add(part, whenTrue, next) }
    }
  }

  func run(_ surroundings: some Surroundings) -> Bool {
    var place = start
    // Each step leads to one that stands earlier in the array, so this ends.
    while place >= 0 { place = steps[place].comparison.holds(surroundings) ? steps[place].whenTrue : steps[place].whenFalse }
    return place == Self.accept
  }
}

/// The parser's result: only the connectives are kept as a tree.
indirect enum Tree: Sendable {
  case comparison(Comparison)
  case all([Tree])
  case any([Tree])
}

extension Operand {
  func value(_ surroundings: some Surroundings) -> Value {
    switch self {
    case .constant(let value): value
    case .name(let name): surroundings.value(of: name)
    }
  }
}

extension Comparison {
  /// taskrouter.md 6.4. Trouble with types is false, never an error.
  func holds(_ surroundings: some Surroundings) -> Bool {
    let a = left.value(surroundings)
    let b = right.value(surroundings)
    switch op {
    case .has: return Self.isMember(b, of: a, surroundings) == true
    case .isIn: return Self.isMember(a, of: b, surroundings) == true
    case .isNotIn: return Self.isMember(a, of: b, surroundings) == false
    default: break
    }
    guard !a.isArray, !b.isArray else { return false }
    switch op {
    case .equal: return a.equals(b)
    case .notEqual: return !a.equals(b)
    case .less: return a.compare(b) == .less
    case .greater: return a.compare(b) == .greater
    case .lessOrEqual:
      let order = a.compare(b)
      return order == .less || order == .equal
    case .greaterOrEqual:
      let order = a.compare(b)
      return order == .greater || order == .equal
    default:
      guard let text = a.bytes, let part = b.bytes else { return false }
      return text.contains(part)
    }
  }

  /// Nil when the question makes no sense: the group is no array, the member is one, or is NULL.
  private static func isMember(_ member: Value, of group: Value, _ surroundings: some Surroundings) -> Bool? {
    guard !member.isArray, !member.isNull else { return nil }
    switch group {
    case .array(let array): return array.elements.contains { Value($0).equals(member) }
    case .list(let operands): return operands.contains { $0.value(surroundings).equals(member) }
    default: return nil
    }
  }
}
