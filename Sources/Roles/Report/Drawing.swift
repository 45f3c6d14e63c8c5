/// The pieces that all plots are made of.
enum Drawing {
  /// The width of every plot, in its own units.
  static let width = 960.0

  static func svg(height: Double, label: String, _ body: String) -> String {
    """
    <div class="plot"><svg viewBox="0 0 \(Markup.number(width)) \(Markup.number(height))" role="img" aria-label="\(Markup.text(label))">
    \(body)</svg></div>

    """
  }

  enum Anchor: String {
    case start
    case middle
    case end
  }

  static func text(_ raw: String, x: Double, y: Double, _ anchor: Anchor = .start, style: String = "tick") -> String {
    "<text class=\"\(style)\" x=\"\(Markup.number(x))\" y=\"\(Markup.number(y))\" text-anchor=\"\(anchor.rawValue)\">\(Markup.text(raw))</text>\n"
  }

  static func line(x1: Double, y1: Double, x2: Double, y2: Double, style: String = "grid") -> String {
    "<line class=\"\(style)\" x1=\"\(Markup.number(x1))\" y1=\"\(Markup.number(y1))\" x2=\"\(Markup.number(x2))\" y2=\"\(Markup.number(y2))\"/>\n"
  }

  /// A bar from `y` down to `base`, with what it says when pointed at.
  static func bar(x: Double, y: Double, width: Double, height: Double, style: String, hint: String) -> String {
    "<rect class=\"\(style)\" x=\"\(Markup.number(x))\" y=\"\(Markup.number(y))\" width=\"\(Markup.number(max(0.3, width)))\" "
      + "height=\"\(Markup.number(max(0, height)))\"><title>\(Markup.text(hint))</title></rect>\n"
  }

  static func path(_ points: [(x: Double, y: Double)], style: String) -> String {
    "<path class=\"\(style)\" d=\"\(outline(points))\"/>\n"
  }

  /// The surface between the points and a base line.
  static func area(_ points: [(x: Double, y: Double)], base: Double, style: String) -> String {
    guard let first = points.first, let last = points.last else { return "" }
    return path([(first.x, base)] + points + [(last.x, base)], style: style)
  }

  /// Stairs: each value holds until the next one.
  static func stairs(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    var steps: [(x: Double, y: Double)] = []
    for point in points {
      if let last = steps.last { steps.append((point.x, last.y)) }
      steps.append(point)
    }
    return steps
  }

  private static func outline(_ points: [(x: Double, y: Double)]) -> String {
    points.enumerated().map { ($0 == 0 ? "M" : "L") + Markup.number($1.x) + " " + Markup.number($1.y) }.joined()
  }
}
