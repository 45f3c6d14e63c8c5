/// What a logarithmic axis needs, without the system's mathematics: a role reaches the system only through ports and the edge.
enum Logarithm {
  /// 10 to the power of 1/100.
  static let hundredth = 1.023292992280754

  /// The decimal logarithm of a positive finite number, within 1e-12; of anything else, that of the smallest one.
  static func decimal(_ value: Double) -> Double {
    let value = value.isFinite ? max(value, .leastNormalMagnitude) : .leastNormalMagnitude
    // ln m = 2 artanh z with m in 1 to 2, so z is below 1/3 and each term a ninth of the one before.
    let z = (value.significand - 1) / (value.significand + 1)
    let (square, log10ofE, log10of2) = (z * z, 0.434294481903251828, 0.301029995663981195)
    var (power, sum) = (z, 0.0)
    for odd in stride(from: 1.0, through: 25, by: 2) {
      sum += power / odd
      power *= square
    }
    return Double(value.exponent) * log10of2 + 2 * sum * log10ofE
  }
}
