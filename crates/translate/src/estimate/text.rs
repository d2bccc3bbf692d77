//! What a text costs: split into words as `o200k` splits it, each at the average of its kind.
//!
//! The averages are measured: over half a million words of documentation and source code for the Latin
//! script, and over the messages of a translated program for the other languages. All numbers are
//! thousandths of a token. One pass, no allocation, the same number for the same text.

/// About how many tokens a text has.
pub fn text_tokens(text: &str) -> u64 {
    let mut words = Words { rest: text, language: Language::of(text) };
    let mut sum = 0;
    while let Some(cost) = words.next_cost() {
        sum += cost;
    }
    sum.div_ceil(1_000)
}

struct Words<'a> {
    rest: &'a str,
    language: Language,
}

/// What stands directly before a word and belongs to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Other(char),
    Space,
}

impl Words<'_> {
    fn next_cost(&mut self) -> Option<u64> {
        let mut chars = self.rest.chars();
        let first = chars.next()?;
        let second = chars.next();
        if is_letter(first) {
            return Some(self.word(Before::Nothing, 0));
        }
        if first.is_numeric() {
            return Some(self.number());
        }
        let before_word = second.is_some_and(is_letter) && !matches!(first, '\r' | '\n');
        if before_word {
            let before = if first.is_whitespace() { Before::Space } else { Before::Other(first) };
            return Some(self.word(before, first.len_utf8()));
        }
        let symbols_after_space = first == ' ' && second.is_some_and(is_symbol);
        if is_symbol(first) || symbols_after_space {
            return Some(self.symbols(usize::from(symbols_after_space)));
        }
        Some(self.space())
    }

    fn take(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// Capitals, then small letters; letters without case go with either.
    fn word(&mut self, before: Before, skip: usize) -> u64 {
        let body = &self.rest[skip..];
        let mut small = false;
        let mut letters = Letters::default();
        let mut end = 0;
        for c in body.chars() {
            if !is_letter(c) || (small && c.is_uppercase()) {
                break;
            }
            small |= c.is_lowercase();
            letters.see(c);
            end += c.len_utf8();
        }
        let contraction = contraction(&body[end..]);
        letters.ascii += contraction as u64;
        self.take(skip + end + contraction);
        letters.cost(before, self.language).max(1_000)
    }

    /// Up to three digits make a token.
    fn number(&mut self) -> u64 {
        let (mut plain, mut others, mut end) = (0_u64, 0, 0);
        for c in self.rest.chars().take_while(|c| c.is_numeric()) {
            if c.is_ascii() {
                plain += 1;
            } else {
                others += 1;
            }
            end += c.len_utf8();
        }
        self.take(end);
        plain.div_ceil(3) * 1_000 + others * 1_300
    }

    /// Signs, with the line ends and slashes behind them.
    fn symbols(&mut self, skip: usize) -> u64 {
        let (mut plain, mut others, mut end) = (0_u64, 0, skip);
        let mut before = None;
        for c in self.rest[skip..].chars() {
            if !is_symbol(c) {
                break;
            }
            if c.is_ascii() {
                // Rules of one sign are one token for any usual length.
                plain += if before == Some(c) { 200 } else { 1_000 };
            } else {
                others += symbol_cost(c, before);
            }
            before = Some(c);
            end += c.len_utf8();
        }
        let line_ends =
            self.rest[end..].bytes().take_while(|byte| matches!(byte, b'\r' | b'\n' | b'/')).count();
        self.take(end + line_ends);
        // Two signs that often go together are one token; longer ones come apart.
        let plain = if plain <= 2_000 { plain.min(1_020) } else { 600 + plain * 230 / 1_000 };
        (plain + others).max(1_000)
    }

    /// Blanks and line ends up to the next word, which takes the last blank.
    fn space(&mut self) -> u64 {
        let run = self.rest.len() - self.rest.trim_start().len();
        let space = &self.rest[..run];
        let lines = space.rfind(['\r', '\n']).map_or(0, |at| at + 1);
        if lines > 0 {
            self.take(lines);
            return 1_000;
        }
        let last = space.chars().next_back().map_or(0, char::len_utf8);
        let followed_by_word = self.rest[run..].chars().next().is_some_and(|c| !c.is_numeric());
        let kept = if followed_by_word && run > last { last } else { 0 };
        self.take((run - kept).max(1));
        let followed_by_number = self.rest.chars().next().is_some_and(char::is_numeric);
        if followed_by_number && run > last { 2_000 } else { 1_000 }
    }
}

/// The `'s`, `'re` and so on that belong to the word before them.
fn contraction(rest: &str) -> usize {
    let Some(end) = rest.strip_prefix('\'') else { return 0 };
    let starts = |with: &str| end.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if ["re", "ve", "ll"].into_iter().any(starts) {
        3
    } else if ["s", "t", "m", "d"].into_iter().any(starts) {
        2
    } else {
        0
    }
}

fn is_symbol(c: char) -> bool {
    !c.is_whitespace() && !c.is_numeric() && !is_letter(c)
}

/// Letters and the marks on them.
fn is_letter(c: char) -> bool {
    c.is_alphabetic()
        || matches!(c, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5BD}' | '\u{64B}'..='\u{65F}'
            | '\u{93C}' | '\u{94D}' | '\u{9BC}' | '\u{9CD}' | '\u{A3C}' | '\u{A4D}' | '\u{ABC}' | '\u{ACD}'
            | '\u{B4D}' | '\u{BCD}' | '\u{C4D}' | '\u{CCD}' | '\u{D4D}' | '\u{DCA}' | '\u{E31}'
            | '\u{E34}'..='\u{E3A}' | '\u{E47}'..='\u{E4E}' | '\u{FE0E}' | '\u{FE0F}')
}

/// The letters of one word by their script.
#[derive(Default)]
struct Letters {
    ascii: u64,
    capitals: u64,
    /// Whether the first letter is a capital.
    begins_large: bool,
    latin: u64,
    han: u64,
    kana: u64,
    hangul: u64,
    /// All others, and what they cost together.
    other: u64,
    other_cost: u64,
    /// Marks with nothing under them, such as the one that makes a heart red.
    selectors: u64,
}

impl Letters {
    fn see(&mut self, c: char) {
        if c.is_ascii_uppercase() {
            self.begins_large |= self.ascii == 0;
            self.capitals += 1;
        }
        let mut other = |cost: u64| {
            self.other += 1;
            self.other_cost += cost;
        };
        match c {
            '\0'..='\x7F' => self.ascii += 1,
            '\u{80}'..='\u{36F}' | '\u{1E00}'..='\u{1EFF}' => self.latin += 1,
            '\u{370}'..='\u{3FF}' => other(370),
            '\u{400}'..='\u{52F}' => other(200),
            '\u{590}'..='\u{5FF}' => other(390),
            '\u{600}'..='\u{6FF}' => other(270),
            '\u{1100}'..='\u{11FF}' | '\u{AC00}'..='\u{D7FF}' => self.hangul += 1,
            '\u{3040}'..='\u{30FF}' => self.kana += 1,
            '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' => self.han += 1,
            '\u{FE0E}' | '\u{FE0F}' => self.selectors += 1,
            '\u{900}'..='\u{97F}' => other(310),
            _ => other(340),
        }
    }

    fn cost(&self, before: Before, language: Language) -> u64 {
        let sign = match before {
            Before::Other(c) if !c.is_ascii() => symbol_cost(c, None),
            Before::Other(_) | Before::Nothing | Before::Space => 0,
        };
        let spaced = before == Before::Space;
        let rest = self.other + self.latin + self.han + self.kana + self.hangul;
        let word = if self.han + self.kana + self.hangul > 0 {
            let start = if self.hangul > self.han + self.kana { 900 } else { 450 };
            start
                + self.han * 670
                + self.kana * 600
                + self.hangul * 350
                + (self.ascii + self.latin) * 250
                + self.other_cost
        } else if self.other > 0 {
            350 + self.other_cost + (self.ascii + self.latin) * 250
        } else if rest > 0 {
            let (start, each) = match language {
                Language::English | Language::Light => (450, 165),
                Language::Heavy => (350, 285),
            };
            (if spaced { start } else { start + 700 }) + (self.ascii + self.latin) * each
        } else if self.ascii > 0 {
            self.ascii_cost(before, language)
        } else {
            0
        };
        sign + word
    }

    fn ascii_cost(&self, before: Before, language: Language) -> u64 {
        let is_upper = self.capitals > 1 || (self.capitals == 1 && !self.begins_large);
        let table: &Table = match (before, is_upper, self.capitals > 0) {
            (Before::Space, true, _) => &SPACE_UPPER,
            (Before::Nothing, true, _) => &BARE_UPPER,
            (Before::Other(_), true, _) => &SIGN_UPPER,
            (Before::Other(_), false, _) => &SIGN_LOWER,
            (Before::Nothing, false, true) if language != Language::English => &FOREIGN_BARE_CAPITAL,
            (_, false, _) if language == Language::Light => &LIGHT,
            (_, false, _) if language == Language::Heavy => &HEAVY,
            (Before::Nothing, false, false) => &BARE_LOWER,
            (Before::Nothing | Before::Space, false, true) => &CAPITAL,
            (Before::Space, false, false) => &SPACE_LOWER,
        };
        let length = usize::try_from(self.ascii).unwrap_or(usize::MAX).max(1);
        match table.get(length - 1) {
            Some(cost) => u64::from(*cost),
            None => u64::from(table[table.len() - 1]) + 300 * (length - table.len()) as u64,
        }
    }
}

/// The cost of a word by its length in letters, from one.
type Table = [u16; 16];

const SPACE_LOWER: Table =
    [1000, 1000, 1010, 1020, 1030, 1040, 1060, 1110, 1130, 1140, 1170, 1230, 1260, 1350, 1650, 2400];
const CAPITAL: Table =
    [1000, 1060, 1080, 1060, 1070, 1070, 1120, 1220, 1330, 1400, 1420, 1430, 1450, 1500, 1900, 2400];
const SPACE_UPPER: Table =
    [1000, 1000, 1260, 1470, 1550, 1810, 1870, 2280, 2540, 2840, 3130, 3410, 3700, 4000, 4400, 4900];
const BARE_LOWER: Table =
    [1000, 1000, 1040, 1080, 1090, 1170, 1260, 1380, 1580, 1640, 1700, 1850, 2290, 2800, 3200, 3600];
const BARE_UPPER: Table =
    [1000, 1030, 1510, 1820, 2250, 2450, 2700, 3100, 3400, 3910, 4220, 4500, 5200, 5600, 5800, 6100];
const SIGN_LOWER: Table =
    [1070, 1220, 1280, 1300, 1380, 1420, 1500, 1710, 1910, 1970, 2230, 2520, 2500, 2900, 3200, 3300];
const SIGN_UPPER: Table =
    [1070, 1440, 1510, 1490, 1720, 1740, 1880, 2290, 2650, 2750, 3100, 3350, 3700, 3920, 4100, 4400];
/// Words without accents in languages that have some.
const LIGHT: Table =
    [1000, 1000, 1000, 1010, 1060, 1110, 1320, 1470, 1570, 1780, 1840, 2020, 2200, 2500, 2800, 3100];
/// The same where accents are everywhere.
const HEAVY: Table =
    [1000, 1000, 1000, 1110, 1430, 1640, 2030, 2260, 2530, 2830, 3080, 3450, 3600, 3800, 4100, 4400];
const FOREIGN_BARE_CAPITAL: Table =
    [1000, 1000, 1090, 1470, 1640, 1980, 2300, 2350, 2600, 2650, 2950, 3000, 3300, 3500, 3800, 4000];

/// What a sign outside of ASCII costs.
fn symbol_cost(c: char, before: Option<char>) -> u64 {
    let again = before == Some(c);
    match c {
        // Box drawing and the like come in long runs.
        '\u{2500}'..='\u{259F}' if again => 150,
        '\u{A0}'..='\u{BF}' | '\u{2000}'..='\u{206F}' | '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FFEF}' => {
            if before.is_some() {
                600
            } else {
                1_000
            }
        }
        '\u{1F1E6}'..='\u{1F1FF}' => 2_000,
        '\u{1F3FB}'..='\u{1F3FF}' => 1_200,
        '\u{2190}'..='\u{21FF}' | '\u{2500}'..='\u{27BF}' => 1_500,
        _ => 1_900,
    }
}

/// How a language of Latin letters stands in the vocabulary: the more accents, the rarer its words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    /// Some accents, such as French and German.
    Light,
    /// Accents everywhere, such as Polish and Turkish.
    Heavy,
}

impl Language {
    /// Every twentieth word with an accent, or one of the smallest words of such a language, says that it is
    /// not English.
    fn of(text: &str) -> Self {
        const SMALL: [&str; 30] = [
            "aan", "che", "das", "del", "della", "den", "der", "des", "det", "di", "du", "een", "el", "en",
            "est", "het", "il", "ist", "la", "las", "le", "les", "los", "mit", "nicht", "och", "que", "und",
            "van", "von",
        ];
        let is_latin = |c: char| c.is_ascii() || matches!(c, '\u{80}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}');
        let (mut words, mut accented, mut small) = (0_usize, 0, 0);
        for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
            words += 1;
            if word.is_ascii() {
                small += usize::from(SMALL.binary_search(&word).is_ok());
            } else {
                accented += usize::from(word.chars().all(is_latin));
            }
        }
        if accented > 0 && accented * 5 >= words {
            Self::Heavy
        } else if accented + small > 0 && (accented + small) * 20 >= words {
            Self::Light
        } else {
            Self::English
        }
    }
}
