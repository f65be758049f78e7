extension Rule {
    /// The rules about files and their words.
    static let shape: [Rule] = [fileLength, noLeftovers, folderNames, publicDocumentation]

    private static let longest = 500

    private static let fileLength = Rule(
        statement: "A file holds one concept in at most \(longest) lines",
        breaches: { file in
            let count = file.lines.count - (file.lines.last == "" ? 1 : 0)
            return count > longest ? [(longest + 1, "the file has \(count) lines")] : []
        },
        broken: [Example("Sources/ColonyCore/A.swift", String(repeating: "// line\n", count: longest + 1))],
        kept: [Example("Sources/ColonyCore/A.swift", String(repeating: "// line\n", count: longest))]
    )

    /// The words are put together here so that this file keeps the rule itself.
    private static let leftovers = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]

    private static let noLeftovers = Rule(
        statement: "What is not done is in the plan, not in a comment; code that is not used is gone",
        breaches: { file in
            file.lines.enumerated().compactMap { number, line in
                if let word = firstWord(of: leftovers, in: line) { return (number + 1, word) }
                return isCommentedOutCode(line) ? (number + 1, "commented-out code") : nil
            }
        },
        broken: [
            Example("Sources/ColonyCore/A.swift", "// TO" + "DO: later"),
            Example("Tests/ColonyCoreTests/A.swift", "    // let value = compute()"),
            Example("Sources/ColonyCore/A.swift", "    //    }"),
        ],
        kept: [
            Example("Sources/ColonyCore/A.swift", "// What is left to do is let go."),
            Example("Sources/ColonyCore/A.swift", "let template = \"name-" + String(repeating: "X", count: 6) + "\""),
            Example("Sources/ColonyCore/A.swift", "/// let lock = DistributedLock(\"a\", on: engine)"),
        ]
    )

    private static func isCommentedOutCode(_ line: String) -> Bool {
        let trimmed = line.drop { $0 == " " }
        guard trimmed.hasPrefix("//"), !trimmed.hasPrefix("///") else { return false }
        let text = trimmed.dropFirst(2).drop { $0 == " " }
        if text == "}" || text == "{" { return true }
        let starts = ["let ", "var ", "func ", "return ", "guard ", "try ", "await ", "import ", "self."]
        let ends: [Character] = ["{", ")", ";", "}"]
        return starts.contains { text.hasPrefix($0) } && (text.contains(" = ") || ends.contains(text.last ?? " "))
    }

    private static let folderNames = Rule(
        statement: "A name says what a thing is for, so that there is no drawer for everything",
        breaches: { file in
            let parts = file.path.split(separator: "/").map { $0.replacing(".swift", with: "").lowercased() }
            let drawers: Set<String> = [
                "utils", "util", "utilities", "helpers", "helper", "misc", "miscellaneous", "common", "shared",
                "extensions", "stuff",
            ]
            return parts.filter { drawers.contains($0) }.map { (1, "\"\($0)\" names no concept") }
        },
        broken: [
            Example("Sources/ColonyCore/Utils/A.swift", ""),
            Example("Tests/ColonyCoreTests/Helpers.swift", ""),
        ],
        kept: [Example("Sources/ColonyCore/Names/NameRules.swift", "")]
    )

    /// What a type has because a protocol of the standard library, or of swift-metrics, asks for it. Its meaning is the
    /// protocol's.
    private static let witnesses = [
        "init(from decoder:", "func encode(to ", "func hash(into", "static func ==", "static func <",
        "var description:",
        "var debugDescription:", "let rawValue:", "var rawValue:", "init(rawValue:", "init?(rawValue:",
        "var errorDescription:", "var hashValue:", "func makeAsyncIterator(", "mutating func next(",
        "func makeCounter(label", "func makeMeter(label", "func makeRecorder(label", "func makeTimer(label",
        "func destroyCounter(", "func destroyMeter(", "func destroyRecorder(", "func destroyTimer(",
    ]

    /// The members of the ports, which are documented where the port is declared. An engine says only what differs.
    private static let portMembers = [
        "func tryAcquire(", "func acquire(", "func renew(", "func release(", "func inspect(", "func waitForChange(",
        "func records(", "func heldCount(", "func breakLease(", "func changes(", "var guarantee:", "let guarantee:",
        "var deadWaiterBound:", "func takePermits(", "func renewPermits(", "func returnPermits(",
        "func inspectPermits(",
        "func waitForPermits(", "func put(_ write:", "func renewRecord(", "func removeRecord(", "func snapshot(of",
        "var now:", "var minimumResolution:", "func sleep(until", "func advanced(by", "func duration(to",
    ]

    private static func inheritsDocumentation(_ line: Substring, in file: SourceFile) -> Bool {
        if witnesses.contains(where: { line.contains($0) }) || line.hasPrefix("public init() {}") { return true }
        let declaresPorts = ["ColonyCoordination"].contains(file.target) || file.path.contains("/ColonyCore/Leases/")
        return !declaresPorts && portMembers.contains { line.contains($0) }
    }

    private static let publicDocumentation = Rule(
        statement: "Every public symbol is documented",
        breaches: { file in
            guard file.isLibrary else { return [] }
            var isInProtocol = false
            return file.code.enumerated().compactMap { number, line in
                if line.hasPrefix("public protocol") { isInProtocol = !line.hasSuffix("}") }
                if line.hasPrefix("}") { isInProtocol = false }
                guard declaresPublicSymbol(line) || (isInProtocol && declaresRequirement(line)) else { return nil }
                let text = line.drop { $0 == " " }
                let isExplained = isDocumented(number, in: file) || inheritsDocumentation(text, in: file)
                return isExplained ? nil : (number + 1, String(text.prefix(80)))
            }
        },
        broken: [
            Example("Sources/ColonyCore/A.swift", "public struct Lease {}"),
            Example("Sources/ColonyCore/A.swift", "/// A lease.\n\npublic struct Lease {}"),
            Example("Sources/ColonyCore/Leases/A.swift", "/// A port.\npublic protocol Port {\n    func renew()\n}"),
            Example("Sources/ColonyCore/A.swift", "// Not documentation.\n@discardableResult\npublic func end() {}"),
        ],
        kept: [
            Example("Sources/ColonyCore/A.swift", "/// A lease.\n@frozen\npublic struct Lease {}"),
            Example("Sources/ColonyCore/A.swift", "public import Foundation"),
            Example("Sources/ColonyMemory/A.swift", "public func renew(_ lease: Lease) {}"),
            Example("Sources/ColonyCore/A.swift", "public var description: String { \"\" }"),
            Example("Sources/ColonyCore/A.swift", "package struct Lease {}\n\"\"\"\npublic let x\n\"\"\""),
        ]
    )

    private static func declaresPublicSymbol(_ line: String) -> Bool {
        var words = line.split(separator: " ").map(String.init)[...]
        while let word = words.first, word.hasPrefix("@") { words = words.dropFirst() }
        let modifiers: Set<String> = [
            "static", "final", "class", "mutating", "nonmutating", "convenience", "required", "override", "indirect",
            "nonisolated", "weak", "lazy",
        ]
        while let word = words.first, modifiers.contains(word) { words = words.dropFirst() }
        guard let first = words.first, first == "public" || first == "open" else { return false }
        let rest = words.dropFirst()
        // An extension adds to a documented type, and an import declares nothing.
        return rest.first != nil && rest.first != "import" && rest.first != "extension"
    }

    private static func declaresRequirement(_ line: String) -> Bool {
        let words = ["func ", "var ", "init(", "static ", "mutating ", "associatedtype ", "subscript("]
        return words.contains { line.hasPrefix("    " + $0) }
    }

    private static func isDocumented(_ number: Int, in file: SourceFile) -> Bool {
        var above = number - 1
        // Attributes, also those that span lines, may stand between a symbol and its documentation.
        while above >= 0 {
            let line = file.lines[above].drop { $0 == " " }
            if line.hasPrefix("///") || line.hasSuffix("*/") { return true }
            guard line.hasPrefix("@") || line.hasPrefix("#") || line.hasPrefix(")") else { return false }
            above -= 1
        }
        return false
    }
}
