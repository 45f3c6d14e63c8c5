import EventLoops
import Ports
import RedisHotState
import Resources
import Synchronization

/// Reads of hot state over the connection that lives on the reader's loop; from elsewhere over the first.
struct LoopReads: HotReads {
  private let states: [RedisHotState]

  init(_ states: [RedisHotState]) { self.states = states }

  private var nearest: RedisHotState { states.first { $0.loop.isCurrent } ?? states[0] }

  func get(_ scope: Identifier, _ keys: [DocumentKey]) async throws(HotStateFailure) -> (mark: Int64, documents: [[UInt8]?]) {
    try await nearest.get(scope, keys)
  }

  func list(_ scope: Identifier, _ range: DocumentRange) async throws(HotStateFailure) -> (mark: Int64, documents: [Document]) {
    try await nearest.list(scope, range)
  }
}

/// A bus on which an answer to this node does not leave it: whoever decided may live in the same process. Only for channels with one listening node: answers.
final class LocalAnswers: SignalBus {
  private let bus: any SignalBus
  private struct State {
    var last = 0
    var channels: [String: [Int: @Sendable ([UInt8]) -> Void]] = [:]
  }
  private let state = Mutex(State())

  init(_ bus: any SignalBus) { self.bus = bus }

  func publish(_ channel: String, _ message: [UInt8]) {
    let here = state.withLock { $0.channels[channel] }
    guard let here, !here.isEmpty else { return bus.publish(channel, message) }
    for receive in here.values { receive(message) }
  }

  func subscribe(_ channel: String, _ receive: @escaping @Sendable ([UInt8]) -> Void) -> any Cancellable {
    let number = state.withLock { state in
      state.last += 1
      state.channels[channel, default: [:]][state.last] = receive
      return state.last
    }
    let elsewhere = bus.subscribe(channel, receive)
    return Both { [weak self] in
      self?.state.withLock { $0.channels[channel]?[number] = nil }
      elsewhere.cancel()
    }
  }

  private struct Both: Cancellable {
    let end: @Sendable () -> Void

    func cancel() { end() }
  }
}
