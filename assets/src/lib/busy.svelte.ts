// What a part of a page is doing, and why the last of it failed.
export class Busy {
  what = $state('');
  problem = $state('');

  async during(what: string, work: () => Promise<void>) {
    this.what = what;
    this.problem = '';
    try {
      await work();
    } catch (error) {
      this.problem = (error as Error).message;
    } finally {
      this.what = '';
    }
  }
}
