// Shows every operation of the OpenAPI document with a form that sends it.

const document_ = await (await fetch("/v1/openapi.json")).json();
const list = document.getElementById("operations");
list.textContent = "";

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const resolve = (schema) => {
  const name = schema?.$ref?.split("/").pop();
  return name ? document_.components.schemas[name] : schema;
};

// An example value for a schema, to begin with.
const example = (given, depth = 0) => {
  const schema = resolve(given) ?? {};
  if (schema.example !== undefined) return schema.example;
  const branch = (schema.oneOf ?? schema.anyOf ?? []).find((one) => one.type !== "null");
  if (branch) return example(branch, depth + 1);
  const type = [schema.type].flat().find((one) => one !== "null");
  if (type === "object" && schema.properties && depth < 4) {
    return Object.fromEntries(Object.entries(schema.properties).map(([key, one]) => [key, example(one, depth + 1)]));
  }
  return { array: [], integer: 0, number: 0, boolean: false, object: {} }[type] ?? "";
};

const send = async (method, path, operation, form, output) => {
  let url = path;
  const query = new URLSearchParams();
  const headers = new Headers();
  for (const parameter of operation.parameters ?? []) {
    const value = form.elements[`parameter ${parameter.name}`].value;
    if (value === "") continue;
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(value));
    if (parameter.in === "query") query.set(parameter.name, value);
    if (parameter.in === "header") headers.set(parameter.name, value);
  }
  const token = document.getElementById("token").value;
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let body;
  if (form.elements.body) {
    headers.set("Content-Type", Object.keys(operation.requestBody.content)[0]);
    body = form.elements.body.value;
  } else if (form.elements.file) {
    body = new FormData();
    if (form.elements.file.files[0]) body.set("file", form.elements.file.files[0]);
    for (const name of ["operations", "variants"]) if (form.elements[name].value) body.set(name, form.elements[name].value);
  }
  output.textContent = "…";
  try {
    const answer = await fetch(query.size ? `${url}?${query}` : url, { method: method.toUpperCase(), headers, body });
    const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    const type = answer.headers.get("content-type") ?? "";
    const text = type.startsWith("image/") ? "(a picture)" : await answer.text();
    const shown = type.includes("json") && text ? JSON.stringify(JSON.parse(text), null, 2) : text;
    output.textContent = `${answer.status}\n${head}\n\n${shown}`;
  } catch (error) {
    output.textContent = String(error);
  }
};

const input = (name, label, properties = {}) => element("label", {}, label, " ", element("input", { name, ...properties }));

const show = (path, method, operation) => {
  const form = element("form");
  for (const parameter of operation.parameters ?? []) {
    const label = `${parameter.name} (${parameter.in}) ${parameter.description ?? ""}`;
    form.append(input(`parameter ${parameter.name}`, label, { required: Boolean(parameter.required) }));
  }
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (type === "multipart/form-data") {
    form.append(input("file", "file", { type: "file", required: true }));
    form.append(input("operations", "operations", { value: '[{"op":"resize","width":512}]' }), input("variants", "variants"));
  } else if (type) {
    const text = JSON.stringify(example(content.schema), null, 2);
    form.append(element("label", {}, type, element("textarea", { name: "body", value: text, spellcheck: false })));
  }
  const output = element("pre", { hidden: true });
  form.append(element("button", { textContent: "Send" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    output.hidden = false;
    send(method, path, operation, form, output);
  });
  const open = operation.security.some((one) => Object.keys(one).length === 0);
  const summary = element("summary", {}, element("b", { textContent: method.toUpperCase() }), element("span", { className: "path", textContent: path }));
  if (!open) summary.append(element("span", { className: "lock", textContent: "signed in" }));
  return element("details", {}, summary, element("div", {}, element("p", { textContent: operation.description ?? operation.summary ?? "" }), form, output));
};

for (const [path, methods] of Object.entries(document_.paths)) {
  for (const [method, operation] of Object.entries(methods)) list.append(show(path, method, operation));
}
