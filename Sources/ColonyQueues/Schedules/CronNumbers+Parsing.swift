import ColonyCore

/// What is wrong with a field; the expression adds which field it is.
struct CronTermError: Error {
    let reason: String

    init(_ term: some StringProtocol, _ reason: String) {
        self.reason = "\(NameRules.quoted(String(term))) \(reason)"
    }
}

extension CronNumbers {
    /// Reads a field: a list of terms.
    init(_ text: Substring, of field: CronField) throws(CronTermError) {
        let isOfDays = field == .dayOfMonth || field == .dayOfWeek
        self.isWild = text.hasPrefix("*") || (isOfDays && text.hasPrefix("?"))
        for term in text.split(separator: ",", omittingEmptySubsequences: false) {
            if term.isEmpty { throw CronTermError(text, "has an empty part between commas") }
            if field == .dayOfMonth, try self.readDayOfMonth(term) { continue }
            if field == .dayOfWeek, try self.readDayOfWeek(term) { continue }
            try self.readNumbers(term, of: field)
        }
    }

    /// Reads `*`, `5`, `1-5`, each perhaps with a step.
    private mutating func readNumbers(_ term: Substring, of field: CronField) throws(CronTermError) {
        let parts = term.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count > 2 { throw CronTermError(term, "has more than one step") }
        let base = parts[0]
        var range = field.whole
        if base == "?" {
            guard field == .dayOfMonth || field == .dayOfWeek else {
                throw CronTermError(term, "has a ?, which is for the fields of days; use *")
            }
        } else if base != "*" {
            let ends = base.split(separator: "-", omittingEmptySubsequences: false)
            if ends.count > 2 { throw CronTermError(term, "has more than one -") }
            let first = try Self.number(ends[0], in: term, of: field)
            if ends.count == 2 {
                var last = try Self.number(ends[1], in: term, of: field)
                // A week may end with Sunday, whose first number is the lowest.
                if field == .dayOfWeek, last == 0, first > 0 { last = 7 }
                guard first <= last else {
                    throw CronTermError(term, "is a range that ends before it begins; write it as two ranges")
                }
                range = first...last
            } else if parts.count == 2 {
                range = first...max(first, field.whole.upperBound)
            } else {
                range = first...first
            }
        }
        var step = 1
        if parts.count == 2 {
            let most = field.whole.count
            guard let number = Self.digits(parts[1]), (1...most).contains(number) else {
                throw CronTermError(term, "has a step that is no number from 1 to \(most)")
            }
            step = number
        }
        for number in stride(from: range.lowerBound, through: range.upperBound, by: step) {
            self.bits |= 1 << UInt64(field == .dayOfWeek ? number % 7 : number)
        }
    }

    /// Reads what only days of the month have.
    ///
    /// - Returns: `false` if the term is none of that kind.
    private mutating func readDayOfMonth(_ term: Substring) throws(CronTermError) -> Bool {
        let name = term.uppercased()
        if name == "L" {
            self.fromLast |= 1
        } else if name == "LW" {
            self.lastWeekday = true
        } else if name.hasPrefix("L-") {
            guard let number = Self.digits(name.dropFirst(2)), (1...30).contains(number) else {
                throw CronTermError(term, "counts from the last day by no number from 1 to 30")
            }
            self.fromLast |= 1 << UInt64(number)
        } else if name.hasSuffix("W") {
            guard let number = Self.digits(name.dropLast()), (1...31).contains(number) else {
                throw CronTermError(term, "has before the W no number from 1 to 31")
            }
            self.nearest |= 1 << UInt64(number)
        } else {
            return false
        }
        return true
    }

    /// Reads what only days of the week have.
    ///
    /// - Returns: `false` if the term is none of that kind.
    private mutating func readDayOfWeek(_ term: Substring) throws(CronTermError) -> Bool {
        if let hash = term.firstIndex(of: "#") {
            let weekday = try Self.number(term[..<hash], in: term, of: .dayOfWeek) % 7
            guard let number = Self.digits(term[term.index(after: hash)...]), (1...5).contains(number) else {
                throw CronTermError(term, "has after the # no number from 1 to 5")
            }
            self.nth |= 1 << UInt64(5 * weekday + number - 1)
            return true
        }
        let name = term.uppercased()
        if name == "L" { throw CronTermError(term, "does not say which weekday; write 5L or FRIL for the last Friday") }
        guard name.hasSuffix("L") else { return false }
        self.last |= 1 << UInt64(try Self.number(term.dropLast(), in: term, of: .dayOfWeek) % 7)
        return true
    }

    private static func number(
        _ text: Substring, in term: Substring, of field: CronField
    ) throws(CronTermError) -> Int {
        if let number = field.number(named: text) { return number }
        guard let number = Self.digits(text) else {
            throw CronTermError(term, "is not \(field.example)")
        }
        guard field.range.contains(number) else {
            throw CronTermError(
                term, "lies outside of \(field.range.lowerBound) to \(field.range.upperBound)")
        }
        return number
    }

    /// A number of plain digits, without a sign.
    private static func digits(_ text: some StringProtocol) -> Int? {
        guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}
