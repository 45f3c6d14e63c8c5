package import Ports
import Synchronization

/// A signal bus whose messages a test can hold back, lose and let go.
package final class InMemorySignalBus: SignalBus {
  private struct State {
    var next: UInt64 = 0
    var listeners: [String: [(id: UInt64, receive: @Sendable ([UInt8]) -> Void)]] = [:]
    var held: [(channel: String, message: [UInt8])] = []
  }

  private let state = Mutex(State())
  private let holding: Bool

  /// With `holding`, messages wait for `deliver`; otherwise `publish` calls the listeners before it returns.
  package init(holding: Bool = false) { self.holding = holding }

  package func publish(_ channel: String, _ message: [UInt8]) {
    if holding { return state.withLock { $0.held.append((channel, message)) } }
    send(channel, message)
  }

  package func subscribe(_ channel: String, _ receive: @escaping @Sendable ([UInt8]) -> Void) -> any Cancellable {
    let id = state.withLock { s in
      s.next += 1
      s.listeners[channel, default: []].append((s.next, receive))
      return s.next
    }
    return Cancellation { [self] in
      state.withLock { s in
        s.listeners[channel]?.removeAll { $0.id == id }
        if s.listeners[channel]?.isEmpty == true { s.listeners[channel] = nil }
      }
    }
  }

  /// Messages held back.
  package var held: Int { state.withLock { $0.held.count } }

  /// Lets the oldest held messages go, at most `count`.
  package func deliver(_ count: Int = .max) {
    var left = count
    while left > 0 {
      let next = state.withLock { $0.held.isEmpty ? nil : $0.held.removeFirst() }
      guard let next else { return }
      send(next.channel, next.message)
      left -= 1
    }
  }

  /// Loses the held messages, as a bus may.
  package func lose() { state.withLock { $0.held = [] } }

  private func send(_ channel: String, _ message: [UInt8]) {
    for listener in state.withLock({ $0.listeners[channel] ?? [] }) { listener.receive(message) }
  }
}
