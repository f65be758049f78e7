extension ConformanceReport {
    /// The report as people read it: the guarantee table, each case with its outcome, and a sum.
    public var text: String {
        var lines = [
            "\(self.port.rawValue) of \(self.engine) \(self.guarantee)",
            "powers: \(self.capabilities.isEmpty ? "none" : self.capabilities.joined(separator: ", "))",
            "",
        ]
        let properties = self.properties
        let width = properties.map(\.count).max() ?? 0
        for property in properties {
            lines.append("  \(property.padded(to: width))  \(self.verdict(on: property).phrase)")
        }
        lines.append("")
        lines.append(Self.matrix(of: [self]))
        for failure in self.failures {
            if case .failed(let message) = failure.outcome {
                lines.append("FAILED \(failure.name): \(message)")
            }
        }
        let passed = self.entries.count { $0.outcome == .passed }
        let skipped = self.entries.count - passed - self.failures.count
        lines.append("\(passed) passed, \(self.failures.count) failed, \(skipped) skipped")
        return lines.joined(separator: "\n")
    }

    /// Cases down, engines across; the reasons of what was skipped stand below.
    public static func matrix(of reports: [ConformanceReport]) -> String {
        var names: [String] = []
        for name in reports.flatMap({ $0.entries.map(\.name) }) where !names.contains(name) {
            names.append(name)
        }
        let widths = reports.map { max($0.engine.count, 4) }
        let nameWidth = names.map(\.count).max() ?? 0
        var reasons: [String] = []
        var lines = [
            ("".padded(to: nameWidth) + "  "
                + zip(reports, widths).map { $0.engine.padded(to: $1) }.joined(separator: "  "))
                .trimmedAtEnd
        ]
        for name in names {
            let cells = zip(reports, widths).map { report, width -> String in
                let cell: String
                switch report.entries.first(where: { $0.name == name })?.outcome {
                case .passed: cell = "pass"
                case .failed: cell = "FAIL"
                case .skipped(let reason):
                    if !reasons.contains(reason) { reasons.append(reason) }
                    cell = "skip \((reasons.firstIndex(of: reason) ?? 0) + 1)"
                case nil: cell = "-"
                }
                return cell.padded(to: width)
            }
            lines.append((name.padded(to: nameWidth) + "  " + cells.joined(separator: "  ")).trimmedAtEnd)
        }
        for (index, reason) in reasons.enumerated() {
            lines.append("skip \(index + 1): \(reason)")
        }
        return lines.joined(separator: "\n")
    }
}

extension ConformanceReport.Verdict {
    fileprivate var phrase: String {
        switch self {
        case .verified: "verified"
        case .violated: "VIOLATED"
        case .partlyVerified(let skipped): "verified in part, \(skipped) skipped"
        case .unverified: "not verified"
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }

    fileprivate var trimmedAtEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
