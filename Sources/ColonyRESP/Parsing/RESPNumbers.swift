/// The numbers of the protocol, by its grammar and nothing else: Swift's own reading takes `+`, `0x`, and `infinity` too.
enum RESPNumbers {
    /// A signed decimal number; `nil` if it is none, or beyond 64 bits.
    static func integer(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Int64? {
        guard let first = bytes.first else { return nil }
        let isNegative = first == UInt8(ascii: "-")
        let digits = isNegative || first == UInt8(ascii: "+") ? bytes.dropFirst() : bytes
        // 19 digits are the most of any 64-bit number; leading zeros are taken in that room.
        guard !digits.isEmpty, digits.count <= 19 else { return nil }
        var number: Int64 = 0
        for digit in digits {
            let value = digit &- UInt8(ascii: "0")
            guard value <= 9 else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            // Counting downwards, because there is one more negative number.
            let (sum, carried) = product.subtractingReportingOverflow(Int64(value))
            if overflow || carried { return nil }
            number = sum
        }
        if isNegative { return number }
        return number == .min ? nil : -number
    }

    /// `[+-]digits[.digits][e[+-]digits]`, `inf`, `-inf`, or `nan`; `nil` for anything else.
    static func double(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Double? {
        let text = String(decoding: bytes, as: UTF8.self)
        switch text {
        case "inf", "+inf": return .infinity
        case "-inf": return -.infinity
        case "nan", "-nan": return .nan
        default: break
        }
        var rest = text.utf8[...]
        func skipDigits() -> Bool {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest.dropFirst(digits.count)
            return !digits.isEmpty
        }
        func skipSign() {
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        }
        skipSign()
        guard skipDigits() else { return nil }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard skipDigits() else { return nil }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            skipSign()
            guard skipDigits() else { return nil }
        }
        guard rest.isEmpty else { return nil }
        return Double(text)
    }

    static func isBigNumber(_ bytes: some Collection<UInt8>) -> Bool {
        let sign = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+")
        let digits = sign ? bytes.dropFirst() : bytes.dropFirst(0)
        return !digits.isEmpty && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// The shortest text that reads as the same number, in the grammar of the protocol.
    static func text(of number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        let text = number.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
