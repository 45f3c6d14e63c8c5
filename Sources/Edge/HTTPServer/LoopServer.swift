import EventLoops
internal import Glibc
import Ports
import Synchronization
internal import TLS

/// The part of a server that lives on one loop: its listener and its connections.
///
/// `@unchecked Sendable`: every mutable property is touched on the loop's thread only.
final class LoopServer: @unchecked Sendable {
  let loop: EventLoop
  /// Runs the handler, once a request.
  let tasks: LoopTasks
  let options: HTTPServerOptions
  let handler: any HTTPHandler
  private let count: ConnectionCount
  /// Connections are closed behind their answers, so that clients go elsewhere.
  var isLeaving = false
  /// No further connection is taken.
  private(set) var isDraining = false
  /// Reused for every head that is written.
  var scratch: [UInt8] = []
  private var connections: [HTTPConnection] = []
  private var listener: TCPListener?
  private var sweeping: (any Cancellable)?
  private var emptied: [@Sendable () -> Void] = []
  private var dateSecond = 0
  private var common: [UInt8] = []

  init(loop: EventLoop, options: HTTPServerOptions, handler: any HTTPHandler, count: ConnectionCount) {
    self.loop = loop
    tasks = LoopTasks(loop)
    self.options = options
    self.handler = handler
    self.count = count
    scratch.reserveCapacity(16_384)
  }

  /// Starts to accept; returns the port.
  func listen(host: String, port: Int, joining: Bool) throws(EventLoopError) -> Int {
    let listener = try TCPListener(loop: loop, host: host, port: port, joining: joining) { [weak self] stream in
      if let self { accept(stream) } else { stream.close() }
    }
    self.listener = listener
    scheduleSweep()
    return listener.port
  }

  private func accept(_ stream: TCPStream) {
    let open = count.open()
    // Even "no" costs a descriptor for a moment: far beyond the limit nobody gets an answer.
    // Over TLS an answer would cost a handshake: nobody gets one beyond the limit.
    if open > (options.tls == nil ? options.connections * 2 + 16 : options.connections) {
      count.close()
      return stream.close()
    }
    if let identity = options.tls {
      guard let session = try? identity.current.serverSession() else {
        count.close()
        return stream.close()
      }
      stream.filter = TLSFilter(session)
    }
    let connection = HTTPConnection(server: self, stream: stream)
    connection.index = connections.count
    connections.append(connection)
    connection.start()
    if open > options.connections {
      connection.refuse(HTTPRefusal(status: 503, message: "The server has too many connections."))
    } else if isDraining {
      connection.refuse(HTTPRefusal(status: 503, message: "The server is shutting down."))
    }
  }

  func remove(_ connection: HTTPConnection) {
    let index = connection.index
    guard connections.indices.contains(index), connections[index] === connection else { return }
    let last = connections.removeLast()
    if last !== connection {
      connections[index] = last
      last.index = index
    }
    count.close()
    if connections.isEmpty { tellEmptied() }
  }

  private func tellEmptied() {
    let waiting = emptied
    emptied = []
    for body in waiting { body() }
  }

  // MARK: Ending

  /// Stops accepting, closes idle connections; the others close after their answers. `done` runs when none is left.
  func drain(_ done: @escaping @Sendable () -> Void) {
    isDraining = true
    listener?.close()
    listener = nil
    for connection in connections where connection.isIdle { connection.linger() }
    if connections.isEmpty { return done() }
    emptied.append(done)
  }

  /// Undoes `listen`: the server as a whole could not start.
  func abandon() {
    drain { [self] in stopSweeping() }
    closeAll()
  }

  /// Cuts what is left.
  func closeAll() {
    for connection in connections { connection.stream.close() }
  }

  /// Ends the watch over time; after the last connection is gone.
  func stopSweeping() {
    sweeping?.cancel()
    sweeping = nil
  }

  // MARK: Time

  private func scheduleSweep() {
    let shortest = min(
      options.headerMilliseconds, options.idleMilliseconds, options.bodyStallMilliseconds, options.lingerMilliseconds)
    sweeping = loop.schedule(afterMilliseconds: min(1000, max(5, shortest / 4))) { [weak self] in
      guard let self else { return }
      let now = loop.monotonicMilliseconds
      for connection in connections { connection.sweep(now) }
      if sweeping != nil { scheduleSweep() }
    }
  }

  /// Date and the options' fields: lines that every answer has, made once a second.
  func commonLines() -> [UInt8] {
    let now = time(nil)
    if now != dateSecond {
      dateSecond = now
      var lines = dateLine(now)
      appendFields(&lines, options.fields)
      common = lines
    }
    return common
  }
}

/// Open connections of all loops of a server.
final class ConnectionCount: Sendable {
  private let value = Atomic(0)
  private let all = Atomic(0)

  /// Returns the count with the new one.
  func open() -> Int {
    all.wrappingAdd(1, ordering: .relaxed)
    return value.add(1, ordering: .relaxed).newValue
  }

  var total: Int { all.load(ordering: .relaxed) }

  func close() { value.subtract(1, ordering: .relaxed) }

  var current: Int { value.load(ordering: .relaxed) }
}
