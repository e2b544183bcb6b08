import { runPrograms } from "../programs/run";

runPrograms("ids");
