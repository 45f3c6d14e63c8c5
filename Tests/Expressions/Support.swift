import Expressions
import JSON

struct Worker: WorkerFacts {
  var attributes = JSONDocument()
  var sid = "WK" + String(repeating: "1", count: 32)
  var friendlyName = "Alice"
  var activitySid = "WA" + String(repeating: "2", count: 32)
  var activityName = "Idle"
  var channels: [String: ChannelFacts] = [
    "voice": ChannelFacts(configuredCapacity: 3, assignedTasks: 1, availableCapacityPercentage: 33)
  ]

  init(_ attributes: String = "{}") { self.attributes = json(attributes) }

  func channel(_ uniqueName: String) -> ChannelFacts? { channels[uniqueName] }
}

func json(_ text: String) -> JSONDocument { try! JSONDocument(parsing: Array(text.utf8)) }

func compile(_ text: String, as context: ExpressionContext) -> ExpressionError? {
  do throws(ExpressionError) { _ = try Expression(parsing: text, as: context) } catch { return error }
  return nil
}

/// SplitMix64: the same numbers in every run.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
