package import Resources

/// What a command asks of this machine.
package enum Operation: UInt8, Sendable {
  case createWorkspace = 1
  case updateWorkspace, deleteWorkspace
  case createActivity, updateActivity, deleteActivity
  case createWorker, updateWorker, deleteWorker, updateWorkerChannel
  case createTaskChannel, updateTaskChannel, deleteTaskChannel
  case createTaskQueue, updateTaskQueue, deleteTaskQueue
  case createWorkflow, updateWorkflow, deleteWorkflow
  case createTask, updateTask, deleteTask
  case updateReservation
  /// Lines that were refused before the log: nothing to do but to count them.
  case skipLines
}

/// The parameters that operations take. Names follow the wire's; the number is what the command carries.
package enum Parameter: UInt8, Sendable {
  case friendlyName = 1
  case eventCallbackURL, eventsFilter, multiTask, template, prioritizeQueueOrder, defaultActivity, timeoutActivity
  case available, activity, attributes, rejectPendingReservations
  case capacity, uniqueName, optimized
  case targetWorkers, maxReservedWorkers, taskOrder, reservationActivity, assignmentActivity
  case configuration, assignmentCallbackURL, fallbackAssignmentCallbackURL, reservationTimeout, reEvaluate
  case workflow, timeout, priority, taskChannel, virtualStart, routingTarget, ignoreCapacity, taskQueue
  case status, reason
  case workerActivity, byCallback, importing
}

/// A parameter's value.
package enum Argument: Hashable, Sendable {
  case text(String)
  case integer(Int64)
  case flag(Bool)
  case identifier(Identifier)
  case bytes([UInt8])
}

/// One request to the machine, as a command's body carries it.
package struct Request: Sendable, Hashable {
  package var operation: Operation
  /// What is changed; `.none` for what is to be created.
  package var target: Identifier
  /// The thing on whose side the target was named (a reservation's task or worker), where that matters.
  package var side: Identifier
  /// The version that the target must have (`If-Match`).
  package var ifMatch: Int64?
  package var arguments: [Parameter: Argument]

  package init(
    _ operation: Operation, target: Identifier = .none, side: Identifier = .none, ifMatch: Int64? = nil,
    arguments: [Parameter: Argument] = [:]
  ) {
    self.operation = operation
    self.target = target
    self.side = side
    self.ifMatch = ifMatch
    self.arguments = arguments
  }

  package func text(_ parameter: Parameter) -> String? {
    if case .text(let text)? = arguments[parameter] { text } else { nil }
  }
  package func integer(_ parameter: Parameter) -> Int64? {
    if case .integer(let value)? = arguments[parameter] { value } else { nil }
  }
  package func flag(_ parameter: Parameter) -> Bool? {
    if case .flag(let value)? = arguments[parameter] { value } else { nil }
  }
  package func identifier(_ parameter: Parameter) -> Identifier? {
    if case .identifier(let value)? = arguments[parameter] { value } else { nil }
  }
  package func bytes(_ parameter: Parameter) -> [UInt8]? {
    if case .bytes(let value)? = arguments[parameter] { value } else { nil }
  }

  package func encoded() -> [UInt8] {
    var out = ByteWriter(capacity: 128)
    out.byte(1)
    out.byte(operation.rawValue)
    out.optional(target)
    out.optional(side)
    out.bool(ifMatch != nil)
    if let ifMatch { out.signed(ifMatch) }
    out.count(arguments.count)
    for (parameter, argument) in arguments.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      out.byte(parameter.rawValue)
      switch argument {
      case .text(let text):
        out.byte(0)
        out.string(text)
      case .integer(let value):
        out.byte(1)
        out.signed(value)
      case .flag(let value):
        out.byte(2)
        out.bool(value)
      case .identifier(let id):
        out.byte(3)
        out.identifier(id)
      case .bytes(let bytes):
        out.byte(4)
        out.blob(bytes)
      }
    }
    return out.bytes
  }

  package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw .unknownVersion(kind: "a request", version: Int(version)) }
    let raw = try reader.byte()
    guard let operation = Operation(rawValue: raw) else { throw .malformed("an unknown operation \(raw)", at: reader.position) }
    self.init(operation, target: try reader.optionalIdentifier(), side: try reader.optionalIdentifier())
    ifMatch = try reader.bool() ? try reader.signed() : nil
    for _ in 0..<(try reader.count()) {
      let raw = try reader.byte()
      guard let parameter = Parameter(rawValue: raw) else { throw .malformed("an unknown parameter \(raw)", at: reader.position) }
      switch try reader.byte() {
      case 0: arguments[parameter] = .text(try reader.string())
      case 1: arguments[parameter] = .integer(try reader.signed())
      case 2: arguments[parameter] = .flag(try reader.bool())
      case 3: arguments[parameter] = .identifier(try reader.identifier())
      case 4: arguments[parameter] = .bytes(try reader.blob())
      case let other: throw .malformed("an argument of kind \(other)", at: reader.position)
      }
    }
  }
}

extension Argument: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .flag(value) }
}
