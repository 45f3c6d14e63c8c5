import Foundation

do throws(Choice.Problem) {
  let choice = try Choice(arguments: CommandLine.arguments.dropFirst())
  exit(choice.one.map { replay($0) } ?? Campaign(choice).run())
} catch {
  print("simulate: \(error.what)\n\(Choice.usage)")
  exit(64)
}
