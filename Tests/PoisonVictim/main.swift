import Foundation
import Glibc
import PoisonStamp

// Arguments: folder, way to die. Says what the start found, then handles input 1, partition 2, position 4711 on a machine's thread.
let folder = CommandLine.arguments[1]
let way = CommandLine.arguments[2]
var noCore = rlimit(rlim_cur: 0, rlim_max: 0)
setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &noCore)

// Whoever started this may have blocked signals, and masks are inherited: termination is for any thread to take.
var termination = sigset_t()
sigemptyset(&termination)
sigaddset(&termination, SIGTERM)
pthread_sigmask(SIG_UNBLOCK, &termination, nil)

func say(_ line: String) {
  print(line)
  fflush(nil)
}

let stamp: PoisonStamp
do { stamp = try PoisonStamp(folder: folder) } catch {
  say("error \(error)")
  exit(2)
}
for death in stamp.found { say("found \(death.input) \(death.partition) \(death.position) \(death.deaths)") }
say("poisoned \(stamp.isPoisoned(input: 1, partition: 2, position: 4711)) \(stamp.isPoisoned(input: 1, partition: 2, position: 4712))")
if way == "look" { exit(0) }

func deep(_ depth: Int) -> Int {
  depth == -1 ? 0 : deep(depth + 1) &+ (way.isEmpty ? 1 : 2)
}

func index(_ array: [Int], _ place: Int) -> Int { array[place] }

/// Keeps the CPU busy for that many milliseconds of the thread's own time.
func spin(_ milliseconds: Int) {
  func used() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }
  let start = used()
  while used() - start < milliseconds {}
}

func handle() {
  switch way {
  case "trap": fatalError("asked for")
  case "index": say("\(index([1], CommandLine.arguments.count + 5))")
  case "overflow": say("\(Int.max - CommandLine.arguments.count + index([4], 0))")
  case "abort": abort()
  case "stack": say("\(deep(0))")
  case "null": UnsafeMutablePointer<Int>(bitPattern: 8)?.pointee = CommandLine.arguments.count
  case "busy": while true {}
  case "kill": kill(getpid(), SIGKILL)
  case "term": kill(getpid(), SIGTERM)
  case "sentabort": kill(getpid(), SIGABRT)
  case "sentxcpu": kill(getpid(), SIGXCPU)
  case "other": Thread { _ = index([1], CommandLine.arguments.count + 5) }.start()
  case "otherabort": Thread { abort() }.start()
  default: return
  }
  while true { pause() }
}

let machine = Thread {
  do { try stamp.armThisThread(cpuLimitMilliseconds: 200) } catch { say("error \(error)") }
  if way == "after" {
    stamp.note(input: 1, partition: 2, position: 4711)
    stamp.clear()
    fatalError("nothing is noted")
  }
  if way == "many" {
    // More than the limit together, each less.
    for position in 0..<10 {
      stamp.note(input: 1, partition: 2, position: Int64(position))
      spin(60)
      stamp.clear()
    }
    exit(0)
  }
  if way == "disarmed" {
    stamp.disarmThisThread()
    stamp.note(input: 1, partition: 2, position: 4711)
    fatalError("not armed")
  }
  stamp.note(input: 1, partition: 2, position: 4711)
  handle()
  stamp.clear()
  stamp.disarmThisThread()
  exit(0)
}
machine.start()
while true { pause() }
