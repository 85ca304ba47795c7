// Starts Swagger UI with a search over all calls, and mends what keeps it from being read by everybody.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const showTheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", showTheme);
showTheme();

function haystack(tag, call) {
  const operation = call.get("operation");
  const texts = [tag, call.get("method"), call.get("path"), operation.get("summary"), operation.get("description")];
  return texts.join(" ").toLowerCase();
}

function matching(tagged, phrase) {
  const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
  return tagged
    .map((group, tag) =>
      group.update("operations", (calls) => calls.filter((call) => words.every((word) => haystack(tag, call).includes(word)))),
    )
    .filter((group) => group.get("operations").size > 0);
}

const ours = ({ React }) => ({
  fn: { opsFilter: matching },
  components: {
    FilterContainer: ({ layoutSelectors, layoutActions, specSelectors }) => {
      const phrase = layoutSelectors.currentFilter();
      const typed = typeof phrase === "string" ? phrase : "";
      const left = matching(specSelectors.taggedOperations(), typed).reduce((sum, group) => sum + group.get("operations").size, 0);
      return React.createElement(
        "div",
        { role: "search", className: "search wrapper" },
        React.createElement("label", { htmlFor: "search" }, "Search the calls"),
        React.createElement("input", {
          id: "search",
          type: "search",
          value: typed,
          onChange: (event) => layoutActions.updateFilter(event.target.value || true),
        }),
        React.createElement("p", { role: "status" }, left === 1 ? "1 call" : `${left} calls`),
      );
    },
    ServersContainer: () => null, // this service is the only one
  },
  wrapComponents: {
    TextArea: (Original) => (props) => React.createElement(Original, { "aria-label": "Body of the request", ...props }),
  },
});

// What its makers left out: names of regions, the order of headings, keys for what scrolls.
const MENDED = [
  [".information-container", { role: "region", "aria-label": "About" }],
  [".scheme-container", { role: "region", "aria-label": "Signing in" }],
  ["h3.opblock-tag", { "aria-level": "2" }],
  ["h4.opblock-title", { "aria-level": "3" }],
  [".responses-inner h4, .responses-inner h5", { "aria-level": "4" }],
  [".modal-ux-header h3", { "aria-level": "2" }],
  [".modal-ux-content h4", { "aria-level": "3" }],
  [".close-modal", { "aria-label": "Close" }],
  [".responses-table", { role: "table" }],
  ["pre", { tabindex: "0" }],
];
// What lies behind the dialog and cannot be used while it is open.
const BEHIND = ".search, .information-container, .opblock-tag-section";

function mend() {
  for (const [selector, attributes] of MENDED) {
    for (const element of document.querySelectorAll(selector)) {
      for (const [name, value] of Object.entries(attributes)) {
        if (element.getAttribute(name) !== value) element.setAttribute(name, value);
      }
    }
  }
  const asks = document.querySelector(".dialog-ux") !== null;
  for (const element of document.querySelectorAll(BEHIND)) element.inert = asks;
}

async function show() {
  const answer = await fetch("openapi.json");
  const spec = await answer.json();
  spec.servers = [{ url: new URL(".", location.href).href.replace(/\/$/, "") }]; // however this page was reached
  for (const calls of Object.values(spec.paths)) {
    for (const [method, call] of Object.entries(calls)) {
      if (call.operationId.endsWith("ByGateway")) delete calls[method]; // the other path stands in its description
    }
  }
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  window.SwaggerUIBundle({
    spec,
    domNode: document.getElementById("api"),
    plugins: [ours],
    filter: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}

show();
