import Synchronization

/// Carries a streamed answer from the loop to the one task that reads it, and says when the loop should stop reading.
final class StreamInbox: Sendable {
  enum Item: Sendable {
    case head(HTTPClientResponseHead)
    case chunk([UInt8])
    case end(Result<Void, HTTPClientError>)
  }

  private struct State {
    var head: HTTPClientResponseHead?
    var bytes: [UInt8] = []
    var result: Result<Void, HTTPClientError>?
    var waiting: CheckedContinuation<Item, Never>?
    var isPaused = false

    mutating func take() -> Item? {
      if let head = head.take() { return .head(head) }
      if !bytes.isEmpty {
        defer { bytes = [] }
        return .chunk(bytes)
      }
      return result.map { .end($0) }
    }
  }

  /// How much may wait for a slow reader before the socket is left alone.
  static let highWater = 262_144
  private let state = Mutex(State())
  private let resume: @Sendable () -> Void

  /// `resume` is called, from the reader's task, when reading should go on after a refused chunk.
  init(resume: @escaping @Sendable () -> Void) { self.resume = resume }

  func put(_ head: HTTPClientResponseHead) { change { $0.head = head } }

  /// False when the reader is behind: the bytes were not taken and come again after `resume`.
  func put(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var isTaken = true
    change { state in
      if state.bytes.count >= Self.highWater {
        state.isPaused = true
        isTaken = false
      } else {
        state.bytes.append(contentsOf: bytes)
      }
    }
    return isTaken
  }

  /// The last item. What was not read before a cancellation is dropped, what came before another failure is still read.
  func finish(_ result: Result<Void, HTTPClientError>) {
    change { state in
      if case .failure(.cancelled) = result { (state.head, state.bytes) = (nil, []) }
      state.result = result
    }
  }

  private func change(_ edit: (inout State) -> Void) {
    let ready = state.withLock { state -> (CheckedContinuation<Item, Never>, Item)? in
      edit(&state)
      guard let waiting = state.waiting, let item = state.take() else { return nil }
      state.waiting = nil
      return (waiting, item)
    }
    if let (waiting, item) = ready { waiting.resume(returning: item) }
  }

  /// The next item; after `.end` the same again. One reader only.
  func next() async -> Item {
    await withCheckedContinuation { continuation in
      let (item, wasPaused) = state.withLock { state -> (Item?, Bool) in
        guard let item = state.take() else {
          state.waiting = continuation
          return (nil, false)
        }
        guard case .chunk = item else { return (item, false) }
        defer { state.isPaused = false }
        return (item, state.isPaused)
      }
      if wasPaused { resume() }
      if let item { continuation.resume(returning: item) }
    }
  }
}
