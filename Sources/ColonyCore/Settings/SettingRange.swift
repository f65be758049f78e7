/// The sentence about a setting that cannot work, the same in all modules.
package enum SettingRange {
    /// What is wrong with the value, with the value and the range in it; `nil` if it lies in the range. A NaN lies in none.
    ///
    /// - Parameter what: What the value would be, such as "the interval of a check".
    package static func defect<Value: Comparable>(
        of value: Value, in range: ClosedRange<Value>, as what: String
    ) -> String? {
        range.contains(value)
            ? nil : "\(value) is not possible as \(what): from \(range.lowerBound) to \(range.upperBound)"
    }
}
