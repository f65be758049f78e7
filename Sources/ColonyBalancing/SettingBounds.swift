import ColonyCore

/// Refuses settings that cannot work, with the value in the message.
enum SettingBounds {
    static func check<Value: Comparable>(
        _ value: Value, in range: ClosedRange<Value>, _ what: String
    ) throws(BalancingError) {
        if let defect = SettingRange.defect(of: value, in: range, as: what) {
            throw BalancingError(.invalidConfiguration, defect)
        }
    }
}
