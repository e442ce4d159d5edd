// The build of msgpackr that compiles no code at run time comes without types of its own.
declare module 'msgpackr/index-no-eval' {
  import type { addExtension, Packr } from 'msgpackr';

  const msgpackr: { readonly Packr: typeof Packr; readonly addExtension: typeof addExtension };
  export default msgpackr;
}
