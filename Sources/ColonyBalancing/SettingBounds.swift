/// Refuses settings that cannot work, with the value in the message.
enum SettingBounds {
    static func check(_ value: Int, in range: ClosedRange<Int>, _ what: String) throws(BalancingError) {
        guard range.contains(value) else {
            throw BalancingError(
                .invalidConfiguration,
                "\(value) is not possible as \(what): from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// A NaN lies in no range.
    static func check(_ value: Double, in range: ClosedRange<Double>, _ what: String) throws(BalancingError) {
        guard range.contains(value) else {
            throw BalancingError(
                .invalidConfiguration,
                "\(value) is not possible as \(what): from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    static func check(_ value: Duration, in range: ClosedRange<Duration>, _ what: String) throws(BalancingError) {
        guard range.contains(value) else {
            throw BalancingError(
                .invalidConfiguration,
                "\(value) is not possible as \(what): from \(range.lowerBound) to \(range.upperBound)")
        }
    }
}
