import ColonyIdentifiers
import ColonySimulation
import Foundation
import Testing

@Suite struct SnowflakeTextTests {
    @Test(arguments: OrderedTextEncoding.allCases)
    func textsSortAsTheNumbersDo(encoding: OrderedTextEncoding) throws {
        var generator = SeededGenerator(seed: 1)
        var numbers: [Int64] = [0, 1, 31, 32, 61, 62, .max - 1, .max]
        for _ in 0..<1_000 {
            numbers.append(
                Int64.random(in: 0 ... .max, using: &generator) >> Int64.random(in: 0..<63, using: &generator))
        }
        let texts = numbers.sorted().map { SnowflakeID(rawValue: $0).text(encoding) }
        #expect(texts == texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        #expect(texts.allSatisfy { $0.utf8.count == encoding.length })
        for (number, text) in zip(numbers.sorted(), texts) {
            #expect(try SnowflakeID(text: text, encoding: encoding).rawValue == number)
        }
    }

    /// By hand: 32¹² · 7 + … is the largest, and Crockford's own reading rules.
    @Test func crockfordTextsAreReadAsTheirAuthorAsks() throws {
        #expect(SnowflakeID(rawValue: .max).text(.crockford32) == "7ZZZZZZZZZZZZ")
        #expect(try SnowflakeID(text: "7zzzzzzzzzzzz", encoding: .crockford32).rawValue == .max)
        #expect(
            try SnowflakeID(text: "OoOIiLl000000", encoding: .crockford32)
                == SnowflakeID(text: "0001111000000", encoding: .crockford32))
    }

    @Test(arguments: [
        ("", OrderedTextEncoding.crockford32), ("7ZZZZZZZZZZZ", .crockford32), ("U000000000000", .crockford32),
        ("8000000000000", .crockford32), ("ZZZZZZZZZZZZZ", .crockford32), ("zzzzzzzzzzz", .base62),
        ("0000000000-", .base62), ("ééééé0", .base62),
    ])
    func malformedTextsAreRefusedAndQuoted(text: String, encoding: OrderedTextEncoding) {
        let error = #expect(throws: IdentifierError.self) { try SnowflakeID(text: text, encoding: encoding) }
        #expect(error?.code == .malformedID)
        #expect(error?.message.contains("\"\(text)\"") == true)
    }

    @Test(arguments: ["-1", "+1", "01", " 1", "1 ", "", "9223372036854775808", "1e3", "0x1"])
    func malformedDecimalsAreRefused(text: String) {
        #expect(SnowflakeID(text) == nil)
    }

    /// Pitfall 8. What passes through JavaScript is a double; a string is not touched, a number only if it is safe.
    @Test func jsRoundTrip() throws {
        var generator = SeededGenerator(seed: 8)
        let encoder = JSONEncoder()
        let decoder = JSONDecoder()
        var unsafe = 0
        for _ in 0..<10_000 {
            let id = SnowflakeID(
                rawValue: Int64.random(in: 0 ... .max, using: &generator) >> Int64.random(in: 0..<20, using: &generator)
            )
            let json = try encoder.encode([id])
            #expect(String(decoding: json, as: UTF8.self) == "[\"\(id.rawValue)\"]")
            #expect(try decoder.decode([SnowflakeID].self, from: json) == [id])
            // The numeric form is refused exactly where a double would change the number or touch its neighbour.
            let isSafe = id.rawValue <= SnowflakeID.largestJavaScriptNumber
            if isSafe {
                let numeric = try encoder.encode(SnowflakeID.Numeric(id))
                let throughDouble = try decoder.decode(Double.self, from: numeric)
                #expect(Int64(throughDouble) == id.rawValue)
                #expect(try decoder.decode(SnowflakeID.self, from: numeric) == id)
            } else {
                unsafe += 1
                let error = #expect(throws: IdentifierError.self) { try SnowflakeID.Numeric(id) }
                #expect(error?.code == .unsafeNumber)
                #expect(throws: DecodingError.self) {
                    try decoder.decode(SnowflakeID.self, from: Data("\(id.rawValue)".utf8))
                }
            }
        }
        #expect(unsafe > 1_000)
    }

    @Test func theLargestSafeNumberIsTheLastOneRead() throws {
        let decoder = JSONDecoder()
        #expect(try decoder.decode(SnowflakeID.self, from: Data("9007199254740991".utf8)).rawValue == (1 << 53) - 1)
        #expect(throws: DecodingError.self) {
            try decoder.decode(SnowflakeID.self, from: Data("9007199254740992".utf8))
        }
        #expect(throws: DecodingError.self) { try decoder.decode(SnowflakeID.self, from: Data("-1".utf8)) }
        #expect(throws: DecodingError.self) { try decoder.decode(SnowflakeID.self, from: Data("\"007\"".utf8)) }
    }
}
