import ColonyCore

extension AccessLogEntry {
    /// The entry as a line of JSON, or of fields between spaces; what clients sent is quoted, so that it cannot look like another line.
    package func line(asJSON isJSON: Bool) -> String {
        let milliseconds = Double(self.duration.clampedNanoseconds / 1_000) / 1_000
        guard !isJSON else { return self.json(milliseconds) }
        let request = "\"\(self.method) \(self.target.replacing("\"", with: "%22"))\""
        let end = self.isComplete ? "" : " broken"
        return "\(self.time.rfc3339) \(self.client) \(request) \(self.status) \(self.bytes) B \(milliseconds) ms "
            + "\(self.endpoint.map { "\($0)" } ?? "-") \(self.attempts)\(end)"
    }

    /// The keys stand in their order, so that lines can be compared.
    private func json(_ milliseconds: Double) -> String {
        var pairs = [
            ("attempts", "\(self.attempts)"), ("bytes", "\(self.bytes)"), ("client", Self.quoted(self.client)),
            ("complete", "\(self.isComplete)"),
        ]
        if let endpoint { pairs.append(("endpoint", Self.quoted("\(endpoint)"))) }
        pairs += [
            ("method", Self.quoted(self.method)), ("milliseconds", "\(milliseconds)"), ("status", "\(self.status)"),
            ("target", Self.quoted(self.target)), ("time", Self.quoted(self.time.rfc3339)),
        ]
        return "{" + pairs.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
