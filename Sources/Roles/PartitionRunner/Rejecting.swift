import Journal
import Machines
import Ports
import Resources

/// What machines do by themselves, among the inputs: in evidence and where decisions name what they reject. No partition has so many inputs.
package enum ErrandInput {
  package static let slice: UInt8 = 254
  package static let timer: UInt8 = 255
}

/// What is decided without being handled (journal.md, "Poison").
extension PartitionRunner {
  func rejection(of record: LogRecord, _ input: UInt8) -> String? {
    if !doomed.isEmpty, let reason = doomed["\(input)/\(record.offset)"] { return reason }
    guard ports.poison.isPoisoned(input: input, partition: options.partition, position: record.offset) else { return nil }
    return "handling it ended the process three times"
  }

  /// A record that is not handled: its position and its number move on, and whoever waits is told, as are its repeats.
  func reject(
    _ record: LogRecord, _ input: UInt8, _ reason: String, _ machine: inout M, _ turn: inout Turn, _ decision: inout Decision
  ) {
    name(record, input, reason, &turn, &decision)
    // The envelope alone, which is read before anything is noted: it is never what ended the process.
    guard var command = try? Command(decoding: record.value ?? []) else { return }
    let isNext = isNext(command, record, &decision)
    if command.replyTo?.node == RunnerOptions.nobody { command.replyTo = nil }
    let verdict = Verdict(status: 500, code: 20500, message: "The request was rejected: \(reason)")
    guard isNext, isMine(command.scope) else { return turn.effects.reply(to: command.replyTo, verdict) }
    machine.reject(command, verdict, &turn)
  }

  /// Says in the decision, to `rejects` and to whoever watches what became of a record, and why.
  func name(_ record: LogRecord, _ input: UInt8, _ reason: String, _ turn: inout Turn, _ decision: inout Decision) {
    decision.rejected.append(RejectedInput(input: input, offset: record.offset, reason: reason))
    notify(.rejected(input: options.inputs[Int(input)], offset: record.offset, reason: reason))
    let source = TopicPartition(options.inputs[Int(input)], options.partition)
    let bytes = RejectedRecord.encode(record, source, reason, most: options.rejectedBytes)
    turn.effects.send(Outgoing(target: "rejects", key: Identifier(keyBytes: record.key) ?? .none, payload: .bytes(bytes)))
  }

  // MARK: What the machine does by itself

  /// Fires the earliest timer of a scope or of all, or removes it where it has ended the process too often.
  func fireFirst(of scope: Identifier?, _ machine: inout M, _ turn: inout Turn, _ decision: inout Decision) {
    if let timer = machine.timer(of: scope, dueAt: turn.now) {
      if isPoisoned(timer, ErrandInput.timer) {
        machine.dropTimer(of: scope, &turn)
        return name(timer, ErrandInput.timer, &turn, &decision)
      }
      ports.poison.note(input: ErrandInput.timer, partition: options.partition, position: timer.number)
    }
    machine.fire(of: scope, &turn)
    ports.poison.clear()
    count { $0.timers += 1 }
  }

  /// Goes on with a long command, or gives it up.
  func takeSlice(_ machine: inout M, _ turn: inout Turn, _ decision: inout Decision) {
    if let slice = machine.sliced {
      if isPoisoned(slice, ErrandInput.slice) {
        machine.dropSlice(&turn)
        return name(slice, ErrandInput.slice, &turn, &decision)
      }
      ports.poison.note(input: ErrandInput.slice, partition: options.partition, position: slice.number)
    }
    machine.slice(limit: options.sliceDocuments, &turn)
    ports.poison.clear()
  }

  private func isPoisoned(_ errand: Errand, _ input: UInt8) -> Bool {
    ports.poison.isPoisoned(input: input, partition: options.partition, position: errand.number)
  }

  private func name(_ errand: Errand, _ input: UInt8, _ turn: inout Turn, _ decision: inout Decision) {
    let reason = "\(M.words(for: errand)) ended the process three times; it is not tried again"
    decision.rejected.append(RejectedInput(input: input, offset: errand.number, reason: reason))
    notify(.rejected(input: input == ErrandInput.timer ? "timers" : "slices", offset: errand.number, reason: reason))
    let bytes = RejectedRecord.encode(errand, options.journal, reason)
    turn.effects.send(Outgoing(target: "rejects", key: errand.scope, payload: .bytes(bytes)))
  }
}
