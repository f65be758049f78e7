import ColonyRemote

/// The state of a cache as people read it.
enum CachePresentation {
    static func lines(_ statistics: CacheStatisticsDocument) -> [String] {
        let lookups = statistics.hits + statistics.misses
        let ratio = statistics.hit_ratio.map { ", \(Self.percent($0)) of them hits" } ?? ""
        let gone = statistics.removals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .filter { $0.value > 0 }.map { "\($0.value) \($0.key)" }
        var lines = [
            ("policy", statistics.policy),
            ("entries", "\(statistics.entries)"),
            ("size", "\(Self.bytes(statistics.bytes)) of \(Self.bytes(statistics.capacity_bytes))"),
            ("look-ups", "\(lookups)\(ratio)"),
            ("writes", "\(statistics.writes)"),
            ("gone", gone.isEmpty ? "none" : gone.joined(separator: ", ")),
            ("listeners", "\(statistics.listeners)"),
        ].map { "\($0.0)\(String(repeating: " ", count: 13 - $0.0.count))\($0.1)" }
        if !statistics.hottest.isEmpty {
            var table = TextTable([.init("HOTTEST KEY"), .init("LOOK-UPS", isNumeric: true)])
            table.rows = statistics.hottest.map { [$0.key, "\($0.lookups)"] }
            lines += [""] + table.lines
        }
        return lines
    }

    /// A share with one digit behind the point. One that is not all is never shown as all.
    static func percent(_ ratio: Double) -> String {
        let thousandths = ratio >= 1 ? 1_000 : min(999, Int((ratio * 1_000).rounded()))
        return "\(thousandths / 10).\(thousandths % 10) %"
    }

    /// A number of bytes in the unit that leaves the fewest digits.
    static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        for unit in ["bytes", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1_024 || unit == "TiB" {
                let tenths = Int((value * 10).rounded())
                let isWhole = unit == "bytes" || tenths % 10 == 0
                return isWhole ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
            }
            value /= 1_024
        }
        return "\(count) bytes"
    }
}
