import ColonyCore

/// Refuses settings that cannot work, with the value in the message.
enum Bounds {
    /// Of things that are counted, such as "calls".
    static func check(_ value: Int, in range: ClosedRange<Int>, _ what: String) throws(ResilienceError) {
        guard range.contains(value) else {
            throw ResilienceError(
                .invalidConfiguration,
                "\(value) \(what) are not possible: from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    static func check<Value: Comparable>(
        _ value: Value, in range: ClosedRange<Value>, _ what: String
    ) throws(ResilienceError) {
        if let defect = SettingRange.defect(of: value, in: range, as: what) {
            throw ResilienceError(.invalidConfiguration, defect)
        }
    }
}
