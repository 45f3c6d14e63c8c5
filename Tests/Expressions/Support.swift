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
