import Ports
package import Resources
import Synchronization

/// Identifiers and seeds that are the same in every run with the same seed, and readable: the seed above, a running number below.
package final class SequentialIdentifiers: IdentifierSource {
  private struct State {
    var count: UInt64 = 0
    var generator: SeededGenerator
  }
  private let high: UInt64
  private let state: Mutex<State>

  package init(seed: UInt64 = 1) {
    high = seed
    state = Mutex(State(generator: SeededGenerator(seed: seed)))
  }

  package func identifier() -> Identifier {
    state.withLock {
      $0.count += 1
      return Identifier(high: high, low: $0.count)
    }
  }

  package func seed() -> UInt64 { state.withLock { $0.generator.next() } }
}
