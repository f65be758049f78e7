import ArgumentParser
import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The words that the program was started with, as bytes, because `CommandLine.arguments` repairs what is not UTF-8 and so
/// would name another lock or another file than the caller did.
struct CommandLineWords: Sendable {
    /// What the parser reads: text, without the name of the program.
    let parsed: [String]
    /// Whether the words ask for `colony lock run`, `colony semaphore run`, `colony elect run`, or `colony queue consume`, which handle signals instead of dying of them.
    let runsCommand: Bool
    /// Whether the caller is a program that reads JSON, also if the rest of the words is wrong.
    let wantsJSON: Bool
    /// The command after `--` and its words, as bytes: file names need not be UTF-8.
    let command: [[UInt8]]

    /// - Throws: `ValidationError` for a word that is not UTF-8 and is not part of a command to run.
    init(_ words: [[UInt8]]) throws {
        let terminator = words.firstIndex(of: Array("--".utf8)) ?? words.endIndex
        let runsCommand = [["lock", "run"], ["semaphore", "run"], ["elect", "run"], ["queue", "consume"]].contains {
            names in
            words.prefix(2).elementsEqual(names.map { Array($0.utf8) })
        }
        self.runsCommand = runsCommand
        self.wantsJSON = words[..<terminator].contains(Array("--json".utf8))
        self.command = runsCommand ? Array(words[terminator...].dropFirst()) : []
        self.parsed = try words.enumerated().map { position, word in
            if let text = String(validating: word, as: UTF8.self) { return text }
            if runsCommand, position > terminator { return String(decoding: word, as: UTF8.self) }
            throw ValidationError(
                "\(Self.quoted(word)) is not UTF-8, and no lock, file, or option of Colony is named so.")
        }
    }

    static func ofThisProcess() throws -> CommandLineWords {
        let count = Int(CommandLine.argc)
        let words = (0..<count).dropFirst().compactMap { index -> [UInt8]? in
            guard let start = CommandLine.unsafeArgv[index] else { return nil }
            return UnsafeRawBufferPointer(start: start, count: strlen(start)).map { $0 }
        }
        return try CommandLineWords(words)
    }

    /// The word with every byte that is not printable ASCII as `\xff`.
    private static func quoted(_ word: [UInt8]) -> String {
        let text = word.prefix(64).map { byte in
            (0x20...0x7E).contains(byte)
                ? String(UnicodeScalar(byte)) : "\\x\(NameRules.hexadecimal(byte, digits: 2).lowercased())"
        }
        return "\"\(text.joined())\(word.count > 64 ? "…" : "")\""
    }
}
