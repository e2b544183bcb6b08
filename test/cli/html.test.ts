import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import fc from "fast-check";
import { chromium, type Browser, type Page } from "playwright-core";
import { htmlOf } from "../../provider/cli/html";
import type { Report } from "../../provider/cli/report";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const checkpoints = ["support:B7R9VjQd", "support:B7R9VjQd:ckpt-step-2000", "sales:C8S0WkRe"].map(
  (name) => `ft:gpt-4.1-mini-2025-04-14:acme:${name}`,
);
const names = ["Mobile app", "🚀 Rockets", "مشروع", 'say "hi", <b>bold</b>', "<script>document.title = 'x'</script>"];

/** As the WCAG define it, of a colour in the form rgb(0, 0, 0). */
function luminance(color: string): number {
  const [red, green, blue] = color.match(/[\d.]+/g)!.map((part) => {
    const one = Number(part) / 255;
    return one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** A review of 3 checkpoints and 250 projects. */
function bigReview(): Report {
  const projects = Array.from({ length: 250 }, (_, index) => ({
    name: names[index] ?? `Project ${index}`,
    id: `proj_${String(index).padStart(3, "0")}`,
  }));
  return {
    title: "Who has access to fine-tuned checkpoints",
    figures: [
      { count: 3, what: "checkpoints" },
      { count: 375, what: "permissions of 250 projects" },
      { count: 1, what: "stands out" },
    ],
    isToBeSigned: true,
    command: "checkpoint-permissions list --stack prod.json --format html",
    findings: [
      {
        what: "Permissions that nobody declares",
        items: [[`${names[4]!} (proj_004), cp_4_0`, `for ${checkpoints[0]!}`]],
      },
    ],
    matrix: {
      checkpoints,
      rows: projects.map(({ name, id }, index) => ({
        project: `${name} (${id})`,
        cells: checkpoints.map((_, column) => {
          return (index + column) % 2 === 0
            ? [{ id: `cp_${index}_${column}`, remark: index === 4 ? "declared by nobody" : "" }]
            : [];
        }),
      })),
    },
    sections: checkpoints.map((checkpoint, column) => ({
      checkpoint,
      summary: "125 permissions, read 2026-11-26 21:09:51 UTC",
      rows: () => [
        ["Name", "Project", "Permission", "Granted (UTC)", "Granted by", "Declared by"],
        ...projects.flatMap(({ name, id }, index) =>
          (index + column) % 2 === 0
            ? [[name, id, `cp_${index}_${column}`, "2026-11-02 14:05", "alice@example.com", "web in shop/prod"]]
            : [],
        ),
      ],
      lines: [],
    })),
    notes: () => [
      "Of each checkpoint, the list is complete for all projects.\nSource: https://api.openai.com/v1, organization acme.",
    ],
    gaps: ["Audit events begin at 2026-01-02."],
    json: {},
    csv: { columns: [], rows: [] },
  };
}

describe("a report as HTML", function () {
  it("no text of the report becomes markup", function () {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom("<", ">", '"', "'", "&"), (text, character) => {
        const hostile = `${text}${character}<img src=x onerror=y>`;
        const page = htmlOf({
          ...bigReview(),
          title: hostile,
          figures: [{ count: 1, what: hostile }],
          command: hostile,
          findings: [{ what: hostile, items: [[hostile]] }],
          matrix: { checkpoints: [hostile], rows: [{ project: hostile, cells: [[{ id: hostile, remark: hostile }]] }] },
          sections: [{ checkpoint: hostile, summary: hostile, rows: () => [[hostile], [hostile]], lines: [] }],
          notes: () => [hostile],
          commands: { title: hostile, lines: [hostile] },
        });
        expect(page).not.to.include("<img");
        // Every tag is one of ours.
        const tags = new Set([...page.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag!));
        const ours =
          "html head meta title style body h1 h2 h3 p br ul li bdi div table thead tbody tr th td a pre b span label input code";
        expect(ours.split(" ")).to.include.members([...tags]);
      }),
      { numRuns: 50 },
    );
  });

  describe("in a browser", function () {
    let browser: Browser;
    let page: Page;
    let folder: string;
    const requests: string[] = [];

    before(async function () {
      // The page is plain HTML and CSS; what is tried here can only be seen where a browser is installed.
      if (executablePath === undefined) {
        console.log("      There is no Chromium on this machine.");
        this.skip();
      }
      this.timeout(60_000);
      folder = mkdtempSync(join(tmpdir(), "review-"));
      writeFileSync(join(folder, "review.html"), htmlOf(bigReview()));
      const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];
      browser = await chromium.launch({ executablePath, args });
      page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(join(folder, "review.html")).href);
    });
    after(async function () {
      if (executablePath === undefined) return;
      await browser.close();
      rmSync(folder, { recursive: true });
    });

    it("the page asks for nothing, runs nothing, and shows names as they are", async function () {
      expect(requests).to.have.lengthOf(1);
      expect(await page.title()).to.equal("Who has access to fine-tuned checkpoints");
      for (const name of names) expect(await page.getByText(name, { exact: true }).count(), name).to.be.at.least(1);
      expect(await page.locator("script, img, iframe, link").count()).to.equal(0);
    });

    it("a mark of the matrix leads to the permission, and a checkpoint to its table", async function () {
      await page.locator("table").first().locator("tbody tr").nth(2).getByRole("link").first().click();
      expect(new URL(page.url()).hash).to.equal("#cp_2_0");
      expect(await page.locator("tr:target td").nth(2).innerText()).to.equal("cp_2_0");
      await page.getByRole("link", { name: checkpoints[2]!, exact: true }).click();
      expect(await page.locator("h2:target").innerText()).to.equal(checkpoints[2]);
    });

    for (const colorScheme of ["light", "dark"] as const) {
      it(`text and background differ enough in a ${colorScheme} window`, async function () {
        await page.emulateMedia({ colorScheme });
        // The canvas's own colour, which the body leaves as it is; then those of texts.
        const colors: string[] = await page.evaluate(`(() => {
          document.body.insertAdjacentHTML("beforeend", '<i id="probe" style="background: Canvas">x</i>');
          const background = getComputedStyle(document.querySelector("#probe")).backgroundColor;
          document.querySelector("#probe").remove();
          const texts = ["h1", "td", ".note", "th"].map((one) => getComputedStyle(document.querySelector(one)).color);
          return [background, ...texts];
        })()`);
        const [background, ...texts] = colors.map(luminance) as [number, ...number[]];
        for (const text of texts) {
          const contrast = (Math.max(text, background) + 0.05) / (Math.min(text, background) + 0.05);
          expect(contrast).to.be.at.least(4.5);
        }
        const file = join(process.env["SCREENSHOTS"] ?? folder, `review-${colorScheme}.png`);
        await page.goto(`${page.url().split("#")[0]!}#`);
        await page.screenshot({ path: file });
        expect(readFileSync(file).length).to.be.above(10_000);
      });
    }

    it("it prints on A4 with nothing cut off", async function () {
      await page.emulateMedia({ media: "print", colorScheme: "light" });
      // The width of landscape A4 without margins.
      await page.setViewportSize({ width: 1030, height: 700 });
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect(overflow).to.be.at.most(0);
      const file = join(process.env["SCREENSHOTS"] ?? folder, "review.pdf");
      await page.pdf({ path: file, preferCSSPageSize: true });
      const pages = readFileSync(file, "latin1").match(/\/Type\s*\/Page\b/g) ?? [];
      expect(pages.length).to.be.within(5, 60);
    });
  });
});
