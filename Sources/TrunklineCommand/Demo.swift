import APIClient
import DemoReplay
import Foundation
import Glibc
import Options
import Replay
import Report
import Trunkline

/// `trunkline demo`: a recorded day through a server's public API, and the proof of what became of it. The server is a node in this process, or one that runs.
enum Demo {
  static func run(_ options: Options) async throws {
    let place = try DemoPlace(options)
    let data = try DemoData.load(options)
    let settings = try DemoSettings(options)
    try makeFolder(of: settings.report)
    DemoScreen.write("\(data.headline)\nfrom \(data.path)\n\n")
    let outcome: Outcome
    do {
      outcome = try await place.serve { try await replay(data.day, on: $0, settings) }
    } catch let stopped as DemoInterrupted { exit(128 + stopped.signal) }
    DemoScreen.write("\n" + DemoTable.text(outcome, settings.seconds))
    let path = try write(outcome, to: settings.report)
    DemoScreen.write("\nReport: \(path)\n")
    if !outcome.isClean { exit(1) }
  }

  private static func replay(_ day: ReplayDay, on server: DemoServer, _ settings: DemoSettings) async throws -> Outcome {
    let client = server.client
    guard try await Stage.canMoveClock(client) else { return try await passing(day, on: server, settings) }
    // Product time all but stands still, and is moved by the driver: what it measures does not depend on how fast this machine is.
    let now = try await Stage.moveClock(client, #"{"rate": 0.001}"#)
    do {
      let stage = try await build(day, on: server)
      let midnight = (now / 86_400_000 + 1) * 86_400_000
      let outcome = try await drive(day, on: server, stage, settings, (midnight, now, nil))
      _ = try await Stage.moveClock(client, #"{"rate": 1}"#)
      return outcome
    } catch {
      _ = try? await Stage.moveClock(client, #"{"rate": 1}"#)
      throw error
    }
  }

  /// Where nobody can move the time.
  private static func passing(_ day: ReplayDay, on server: DemoServer, _ settings: DemoSettings) async throws -> Outcome {
    guard settings.seconds > 0 else {
      throw NodeFailure(
        "--seconds 0, as fast as it goes, needs a clock that can be moved, as the embedded home has: give a number such as 60")
    }
    let stage = try await build(day, on: server)
    let clock = try await stage.clock(server.client, time: server.time, speed: Double(max(1, day.end)) / settings.seconds)
    DemoScreen.write(DemoTable.pace(clock))
    return try await drive(day, on: server, stage, settings, (clock.midnight, clock.midnight, clock))
  }

  private static func build(_ day: ReplayDay, on server: DemoServer) async throws -> Stage {
    let stage = try await Stage.build(server.client, day, name: "Replay of \(day.date)", time: server.time)
    DemoScreen.write("Workspace \(stage.workspace): \(day.skills.count) queues, \(stage.workers.count) workers, one workflow.\n\n")
    return stage
  }

  private static func drive(
    _ day: ReplayDay, on server: DemoServer, _ stage: Stage, _ settings: DemoSettings,
    _ begin: (midnight: Int64, now: Int64, clock: DayClock?)
  ) async throws -> Outcome {
    let (client, time) = (server.client, server.time)
    let api = HTTPWorkAPI(client: client, stage: stage, time: time)
    let inbox = EventInbox()
    let progress = DemoProgress(total: day.tasks.count)
    var options = settings.replayer
    if begin.clock != nil { options.concurrency = 32 }
    let engine = Replayer(
      day: day, workers: stage.workers, api: api, inbox: inbox, options: options, time: time, midnight: begin.midnight,
      productNow: begin.now, clock: begin.clock, report: { progress.show($0) })
    let feed = EventFeed(client: client, stage: stage, time: time, clock: begin.clock)
    let log = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await feed.follow(inbox) }
      group.addTask {
        while !Task.isCancelled {
          await time.sleep(1000)
          inbox.ring()
        }
        // Whoever waits for events sees that it is over.
        inbox.ring()
      }
      defer { group.cancelAll() }
      return try await engine.run()
    }
    progress.finish(log)
    let verification = try await Outcome.verify(client, stage, day, time: time, clock: begin.clock, mayBePurged: !server.isOurs)
    return Outcome(
      day: day, workers: stage.workers, midnight: begin.midnight, log: log, verification: verification, requests: api.count,
      clock: begin.clock)
  }

  /// Before the day begins: whoever waits a minute should not be told at its end that the report has no place.
  private static func makeFolder(of url: URL) throws {
    let folder = url.deletingLastPathComponent()
    do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
      throw NodeFailure("--report: the folder \(folder.path) cannot be made: \(error.localizedDescription)")
    }
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue {
      throw NodeFailure("--report: \(url.path) is a folder; name a file")
    }
    guard FileManager.default.isWritableFile(atPath: folder.path) else {
      throw NodeFailure("--report: the folder \(folder.path) is not writable")
    }
  }

  private static func write(_ outcome: Outcome, to url: URL) throws -> String {
    let made = "Made \(Date().formatted(.iso8601)) by trunkline \(TrunklineCommand.version)"
    do {
      try Data(Report.html(outcome.result(madeAt: made)).utf8).write(to: url)
    } catch { throw NodeFailure("--report: \(url.path) cannot be written: \(error.localizedDescription)") }
    return url.path
  }
}

/// What the command line says about a run.
struct DemoSettings {
  let report: URL
  let seconds: Double
  var replayer = ReplayerOptions()

  init(_ options: Options) throws {
    report = URL(filePath: try options.value("report", .text)).absoluteURL.standardized
    seconds = Double(try options.value("seconds", .integer(in: 0...3600)))
    replayer.seconds = seconds
    // The rest of two minutes is for starting, for work that is still under way, and for the check at the end. Who asks for a slower day gets it.
    replayer.mostSeconds = max(90, seconds * 1.5)
  }
}
