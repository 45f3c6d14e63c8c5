package import Ports
import Synchronization

/// The signal bus of the embedded home: listeners are called before `publish` returns, on the publisher's thread. So they must not block, and they hand over to their own queue.
package final class InProcessSignalBus: SignalBus {
  private struct Listener: Sendable {
    var id: UInt64
    var receive: @Sendable ([UInt8]) -> Void
  }

  private struct State {
    var next: UInt64 = 0
    var channels: [String: [Listener]] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  package func publish(_ channel: String, _ message: [UInt8]) {
    guard let listeners = state.withLock({ $0.channels[channel] }) else { return }
    for listener in listeners { listener.receive(message) }
  }

  package func subscribe(_ channel: String, _ receive: @escaping @Sendable ([UInt8]) -> Void) -> any Cancellable {
    let id = state.withLock { s in
      s.next += 1
      s.channels[channel, default: []].append(Listener(id: s.next, receive: receive))
      return s.next
    }
    return Subscription(bus: self, channel: channel, id: id)
  }

  fileprivate func remove(_ id: UInt64, from channel: String) {
    state.withLock { s in
      guard var listeners = s.channels[channel] else { return }
      listeners.removeAll { $0.id == id }
      s.channels[channel] = listeners.isEmpty ? nil : listeners
    }
  }
}

private struct Subscription: Cancellable {
  let bus: InProcessSignalBus
  let channel: String
  let id: UInt64

  func cancel() { bus.remove(id, from: channel) }
}
