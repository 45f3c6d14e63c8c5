import Options

enum Demo {
  static func run(_ options: Options) async throws {}
}
