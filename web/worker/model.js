// A model's files: which there are and where.
import { fail, KinError, toEnd } from '../shared/errors.js';
import { collect, openUrl, peek, watch } from '../shared/source.js';

// A folder is Hugging Face's, or open_clip's, whose one file of configuration says all.
const openClip = 'open_clip_config.json';
const configLimit = 64 * 2 ** 20;
const textOf = (bytes) => new TextDecoder().decode(bytes);

// The chunks of a file that a manifest says has `size` bytes.
async function* ofSize(chunks, size, name) {
  let n = 0;
  for await (const chunk of chunks) {
    n += chunk.length;
    yield chunk;
  }
  if (n !== size)
    fail('not-a-model', `${name} has ${n} bytes, but manifest.json says ${size}: fetch or convert it again.`);
}

export class ModelFiles {
  #sawPage = false;
  #denied = 0; // a status that may say "you may not" or, as S3 and its like, "there is no such file"
  #listed = null; // names, where a manifest or an object says which there are
  #sizes = new Map(); // bytes by name, of a manifest
  #config; // its promise
  #openClip = null; // the configuration's bytes, in a folder of open_clip's

  // `model`: the URL or path of a folder, or an object of URLs by file name.
  constructor(model, io) {
    if (!model)
      fail('no-model', "No model was given: add one, such as load({ model: './model/' }).");
    this.where = typeof model === 'string' ? model : 'the model';
    this.urls = typeof model === 'string' ? null : model;
    if (this.urls) this.#listed = new Set(Object.keys(model));
    this.io = io;
  }

  async #url(name) {
    const url = this.urls ? String(this.urls[name]) : this.where.replace(/[/\\]*$/, '/') + name;
    return await this.io.resolve?.(name, url) ?? url;
  }

  async open(name, watcher = {}) {
    if (this.#listed && !this.#listed.has(name)) return null;
    const file = await openUrl(await this.#url(name), name, this.io, watcher, (status) => {
      if (status === 401 || status === 403) this.#denied = status;
      return [401, 403, 404, 410].includes(status);
    });
    if (!file) return null;
    const { page, ...opened } = await peek(file);
    this.#sawPage ||= page;
    if (page) return null;
    const size = this.#sizes.get(name);
    return size === undefined ? opened : { ...opened, total: size, hint: false, chunks: ofSize(opened.chunks, size, name) };
  }

  async bytes(name, watcher = {}) {
    const file = await this.open(name, watcher);
    return file && collect(watch(file, name, watcher), configLimit, name);
  }

  async json(name, watcher) {
    const bytes = await this.bytes(name, watcher);
    try {
      return bytes && JSON.parse(textOf(bytes));
    } catch (error) {
      return fail('not-a-model', `${name} of ${this.where} is not JSON.`, error);
    }
  }

  missing(what) {
    const none = `${this.where} has no ${what}`;
    if (this.#denied)
      fail('http', `${none} that may be read, the server answered ${this.#denied}: check the address, and that everybody may ` +
        'read the folder.');
    const listed = what.split(/,? or | and /).find((name) => this.#listed?.has(name));
    if (listed && !this.#sawPage) throw toEnd(new KinError('not-a-model', `${this.where} has no ${listed}`), 'notServed', listed);
    fail('not-a-model', none +
      (this.#sawPage ? ', the server sent a web page for it: check the address.' : ': is it the folder of a CLIP model?'));
  }

  // A manifest, null where there is none, says which files there are and how long, so that nothing is asked for in vain and
  // nothing cut short is taken. It comes first.
  async manifest(watcher) {
    const manifest = await this.json('manifest.json', watcher);
    if (manifest?.kind === 'model') this.#obey(manifest);
    return manifest;
  }

  config(watcher) {
    return this.#config = this.#readConfig(watcher);
  }

  async #readConfig(watcher) {
    const config = await this.bytes('config.json', watcher); // beside open_clip's it may be of other code
    if (!config || !/"model_type"\s*:\s*"clip"/.test(textOf(config))) this.#openClip = await this.bytes(openClip, watcher);
    return this.#openClip ?? config ?? this.missing(`config.json or ${openClip}`);
  }

  #obey({ format, files }) {
    if (format !== 1)
      fail('unsupported', `manifest.json of ${this.where} is of format ${JSON.stringify(format)}: update Kin, ` +
        'or convert the model again.');
    if (!Array.isArray(files)) return;
    this.#listed ??= new Set(files.map((file) => file?.name));
    this.#sizes = new Map(files.filter((file) => Number.isSafeInteger(file?.bytes)).map((file) => [file.name, file.bytes]));
  }

  // The weight files of a tower, in order. A folder that has the towers apart need not have said yet whose it is.
  async weights(tower, watcher) {
    for (const stem of [tower, 'open_clip_model', 'model']) {
      if (stem !== tower) await this.#config;
      if (stem === 'open_clip_model' && !this.#openClip) continue;
      const name = `${stem}.safetensors`;
      const file = await this.open(name, watcher);
      if (file) return [{ name, file }];
      const index = await this.json(`${name}.index.json`, watcher);
      if (index) return this.#shards(index, tower, `${name}.index.json`);
    }
    const stem = this.#openClip ? 'open_clip_' : '';
    const bin = `${stem}pytorch_model.bin`;
    const file = await this.open(bin, watcher);
    await file?.cancel();
    if (file) fail('unsupported', `${this.where} holds its weights as ${bin} only: save them as ${stem}model.safetensors first.`);
    return this.missing(`${tower}.safetensors or ${stem}model.safetensors`);
  }

  #shards(index, tower, name) {
    const other = tower === 'image' ? /^text_(model|projection)\./ : /^(vision_model|visual_projection)\./;
    const entries = Object.entries(index?.weight_map ?? {});
    const names = [...new Set(entries.filter(([tensor]) => !other.test(tensor)).map(([, file]) => file))].sort();
    if (!names.length || names.some((file) => typeof file !== 'string' || !/^[\w-][\w.-]*$/.test(file)))
      fail('not-a-model', `${name} does not say which files hold the weights.`);
    for (const file of names) this.#listed?.add(file);
    return names.map((file) => ({ name: file, file: null }));
  }

  // The chunks of each of the `weights` in turn.
  async *each(weights, watcher) {
    for (const { name, file } of weights)
      yield watch(file ?? await this.open(name, watcher) ?? this.missing(name), name, watcher);
  }

  async preprocessing(watcher) {
    const whole = this.#openClip ?? await this.bytes('processor_config.json', watcher); // counts, as in the reference
    if (this.#openClip || whole && /"image_processor\W+{/.test(textOf(whole))) return whole;
    return await this.bytes('preprocessor_config.json', watcher) ?? this.missing('preprocessor_config.json');
  }

  // Either `vocab` and `merges` or `tokenizer`; the last two are null where there are none.
  async vocabulary(watcher) {
    const tokenizer = await this.bytes('tokenizer.json', watcher); // counts where it is there, as in the reference
    const vocab = tokenizer ? null : await this.bytes('vocab.json', watcher);
    const merges = vocab && await this.bytes('merges.txt', watcher);
    if (!tokenizer && !merges) this.missing('tokenizer.json, or vocab.json and merges.txt');
    return { tokenizer, vocab, merges, tokenizerConfig: await this.bytes('tokenizer_config.json', watcher),
      specialTokens: await this.bytes('special_tokens_map.json', watcher),
      addedTokens: await this.bytes('added_tokens.json', watcher) };
  }
}
