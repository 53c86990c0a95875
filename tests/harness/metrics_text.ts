/**
 * Prometheus' text format 0.0.4, read by its rules and no more kindly: what a scraper might take in spite of them is refused, so that a page
 * that is read here is read by all.
 */

/** A name with its figures, by the labels as they stand on the page: `volume="photos"`, empty for none. */
export interface Family {
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: ReadonlyMap<string, number>;
  /** The labels of each sample, by the same key. */
  readonly labels: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)+)$/;
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.+)\})? (\S+)$/s;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\\\|\\"|\\n)*)"(?:,|$)/;
const VALUE = /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;

/** The page by names. Throws where a line breaks a rule. */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith("\n")) throw new Error("The last line has no end");
  const families = new Map<string, Building>();
  let help: RegExpExecArray | undefined;
  let family: (Building & { readonly name: string }) | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const refuse = (why: string) => new Error(`${why}: ${line}`);
    if (line === "") continue;
    if (line.startsWith("# HELP ")) {
      help = HELP.exec(line) ?? undefined;
      if (!help) throw refuse("No such help can be");
      if (families.has(help[1]!)) throw refuse("It was there before");
      family = undefined;
    } else if (line.startsWith("#")) {
      const type = TYPE.exec(line);
      if (!type || type[1] !== help?.[1] || family) {
        throw refuse("Out of place");
      }
      const name = type[1]!;
      family = {
        ...{ name, type: type[2] as Family["type"], help: help![2]! },
        ...{ samples: new Map(), labels: new Map() },
      };
      families.set(name, family);
    } else {
      const sample = SAMPLE.exec(line);
      if (!sample || !VALUE.test(sample[3]!)) throw refuse("No sample");
      const [, name, key = "", figure = ""] = sample;
      if (!family || name !== family.name) throw refuse("Among another's");
      if (family.samples.has(key)) throw refuse("Twice");
      const value = Number(figure.replace("Inf", "Infinity"));
      if (family.type === "counter" && !(value >= 0)) throw refuse("Negative");
      family.samples.set(key, value);
      family.labels.set(key, labelsOf(key));
    }
  }
  return families;
}

type Building = Pick<Family, "type" | "help"> & {
  readonly samples: Map<string, number>;
  readonly labels: Map<string, Record<string, string>>;
};

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== "";) {
    const label = LABEL.exec(rest);
    if (!label) throw new Error(`No label can be: ${rest}`);
    const [whole, name = "", value = ""] = label;
    if (name in labels) throw new Error(`Twice: ${whole}`);
    labels[name] = value.replace(
      /\\(.)/g,
      (_, escaped) => escaped === "n" ? "\n" : escaped,
    );
    rest = rest.slice(whole.length);
  }
  return labels;
}
