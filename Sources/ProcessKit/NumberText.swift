extension Double {
    /// With so many digits behind the point.
    package func text(_ digits: Int) -> String {
        guard isFinite else { return "?" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((magnitude * scale).rounded())
        let whole = (scaled / Int(scale)).grouped
        let sign = self < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + whole }
        let rest = String(scaled % Int(scale))
        return "\(sign)\(whole).\(String(repeating: "0", count: digits - rest.count))\(rest)"
    }

    /// With about three digits that matter.
    package var shortText: String {
        switch magnitude {
        case ..<10: text(2)
        case ..<100: text(1)
        default: text(0)
        }
    }
}

extension Int {
    /// With commas between thousands.
    package var grouped: String {
        let digits = String(magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return self < 0 ? "-" + text : text
    }
}
