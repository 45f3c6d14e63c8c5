import Projection
import Resources
import Synchronization
import TaskEvents

/// One connection that listens: what has happened since it last looked, and its alarm clock.
final class Subscriber: Sendable {
  private struct State {
    var queue: [LiveEvent] = []
    var beats = false
    var looks = 0
  }
  private let state = Mutex(State())
  private let bell = Bell()
  let workspace: Identifier
  let worker: Identifier?
  private let workerMark: [UInt8]
  private let workerSID: [UInt8]

  init(workspace: Identifier, worker: Identifier?) {
    self.workspace = workspace
    self.worker = worker
    workerSID = worker.map { Array(SIDKind.worker.text($0).utf8) } ?? []
    workerMark = worker.map { Array("\"worker_sid\":\"\(SIDKind.worker.text($0))\"".utf8) } ?? []
  }

  /// Whether a stored event is one that this reader asked for. Attributes are strings inside the payload, so their quotes are escaped and cannot look like this.
  func wants(_ json: [UInt8]) -> Bool {
    worker == nil || TaskEvent.concerns(workerSID, json) || EventBytes.contains(json, workerMark)
  }

  /// The same of one that has just happened, with less to look through where the projector says whom it is about.
  func wants(_ event: LiveEvent) -> Bool {
    guard let worker, let subject = event.worker else { return wants(event.json) }
    return subject == worker || (subject.isNone && TaskEvent.concerns(workerSID, event.json))
  }

  /// Whether nothing can follow this event that the reader asked for: its workspace is gone, or its worker.
  func ends(with json: [UInt8]) -> Bool {
    json.starts(with: TaskEvent.workspaceDeletedHead) || (worker != nil && json.starts(with: TaskEvent.workerDeletedHead) && wants(json))
  }

  /// Events beyond a bound are dropped here: the gap shows, and the store has them.
  func offer(_ event: LiveEvent) {
    state.withLock { state in
      if state.queue.count >= 10_000 { state.queue.removeAll() }
      state.queue.append(event)
    }
  }

  /// All that follows a gap stays: nothing else may come that would show what is missing.
  func putBack(_ events: ArraySlice<LiveEvent>) {
    state.withLock { $0.queue.insert(contentsOf: events, at: 0) }
  }

  func take() -> [LiveEvent] {
    state.withLock { state in
      defer { state.queue = [] }
      return state.queue
    }
  }

  func beat() {
    state.withLock { $0.beats = true }
    wake()
  }

  func takeBeat() -> Bool {
    state.withLock { state in
      defer { state.beats = false }
      return state.beats
    }
  }

  /// Every hundredth look: a hint need only be a lower bound.
  func refreshesHint() -> Bool {
    state.withLock { state in
      state.looks += 1
      return state.looks % 100 == 1
    }
  }

  func wake() { bell.ring() }

  func wait() async { await bell.wait() }
}
