import { runPrograms } from "../programs/run";

runPrograms("files");
