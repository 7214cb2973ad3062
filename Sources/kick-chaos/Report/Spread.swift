import ProcessKit

/// Figures of one kind, for medians and the like.
struct Spread: Sendable {
    private let sorted: [Double]

    init(_ values: [Double]) {
        sorted = values.sorted()
    }

    var count: Int { sorted.count }
    var greatest: Double? { sorted.last }

    /// What a share of `fraction` (0 to 1) does not exceed; nil without figures.
    func at(_ fraction: Double) -> Double? {
        guard !sorted.isEmpty else { return nil }
        return sorted[min(sorted.count - 1, max(0, Int((Double(sorted.count) * fraction).rounded(.up)) - 1))]
    }

    /// p50 / p99 / greatest, with so many digits; a dash without figures.
    func text(digits: Int) -> String {
        guard let half = at(0.5), let most = at(0.99), let greatest else { return "–" }
        return [half, most, greatest].map { $0.text(digits) }.joined(separator: " / ")
    }
}
